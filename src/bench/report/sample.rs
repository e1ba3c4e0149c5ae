//! Made-up reports for tests: with every field, with many devices, and with malicious text.

use crate::backend::Clock;
use crate::bench::report::*;

/// The layers of a made-up network, with their kernels.
const LAYERS: [(&str, &str); 6] = [
    ("conv1", "limbconv"),
    ("pool1", "maxpool"),
    ("group0/block0/conv1", "bitconv"),
    ("group0/block0/conv2", "bitconv"),
    ("group1/block0/add", "pointwise"),
    ("linear", "limbconv"),
];

/// A report in which every field has a value.
pub(crate) fn full() -> Report {
    let mut report = many();
    report.devices.truncate(2);
    report.cells.retain(|cell| cell.device < 2);
    report.devices[1].problem = Some("lost halfway".into());
    report.devices[1].pci_id = Some("10de:2684".into());
    report.cells[1].problem = Some("a remark".into());
    report
}

/// Eight devices, three of them with problems, with launches and a float32 baseline.
pub(crate) fn many() -> Report {
    let names = [
        ("NVIDIA GeForce RTX 4090 Laptop GPU with a name that goes on", "vulkan", 4100.0),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "vulkan", 3500.0),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "gl", 2100.0),
        ("Intel(R) Arc(tm) A770 Graphics (DG2)", "vulkan", 980.0),
        ("Apple M3 Max", "metal", 1850.0),
        ("cpu", "cpu", 370.0),
        ("cpu-reference", "cpu", 1.1),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", "vulkan", 5.2),
    ];
    let mut report = Report {
        schema: SCHEMA,
        version: "0.1.0".into(),
        shaders: "5f".repeat(32),
        began: "2026-11-25T12:00:00Z".into(),
        quick: true,
        complete: false,
        host: Host {
            os: "Debian GNU/Linux 12 (bookworm)".into(),
            architecture: "x86_64".into(),
            cpu: "AMD Ryzen 9 9950X 16-Core Processor".into(),
            threads: 32,
            memory: Some(64 << 30),
        },
        devices: Vec::new(),
        cells: Vec::new(),
    };
    for (at, (name, api, rate)) in names.into_iter().enumerate() {
        let peaks = Peaks { words: 3e8 * rate, byte_products: 9e8 * rate, bytes: 2e8 * rate };
        report.devices.push(Device {
            id: format!("{api}:{name}"),
            name: name.into(),
            api: api.into(),
            driver: "565.77 (NVIDIA UNIX x86_64 Kernel Module)".into(),
            pci_id: (api == "vulkan").then(|| "10de:2684".into()),
            software: name.starts_with("llvmpipe"),
            peaks: Some(peaks),
            launch: Some(4e-7),
            problem: None,
        });
        for (model, bits, slower) in [("preact-resnet-18 2/2", "2/2", 1.0), ("vgg-small", "1/2", 0.3)] {
            for batch in [1, 8] {
                report.cells.push(cell(at, model, bits, batch, rate / slower, api != "cpu"));
            }
        }
    }
    withdraw(&mut report.cells[7], "wrong digest in a later run: no figure is given");
    report.cells[7].digest.found = Some("00".repeat(32));
    withdraw(
        &mut report.cells[12],
        "AMD Radeon: device lost: the driver was reset while the first batch ran, and did not come back",
    );
    for doubted in [0, 1, 5, 8, 20] {
        if let Some(warm) = &mut report.cells[doubted].warm {
            warm.noise = vec![
                "times of the run's parts differ by 14 %".into(),
                "other programs kept 1.6 processor threads busy".into(),
            ];
            warm.wall.spread = 0.31;
        }
    }
    report
}

fn withdraw(cell: &mut Cell, problem: &str) {
    (cell.warm, cell.float32, cell.problem) = (None, None, Some(problem.into()));
}

/// A report in which every text tries to break out of the page that shows it.
pub(crate) fn hostile() -> Report {
    let evil = |at: &str| {
        format!(
            "</title></style></script><script>alert('{at}')</script>\"'><img src=//x.invalid onerror=alert(1)>&\u{202e}\u{0}--><!--"
        )
    };
    let mut report = full();
    (report.version, report.shaders, report.began) = (evil("version"), evil("shaders"), evil("began"));
    (report.host.os, report.host.cpu, report.host.architecture) = (evil("os"), evil("cpu"), evil("architecture"));
    for device in &mut report.devices {
        (device.id, device.name, device.api, device.driver) = (evil("id"), evil("name"), evil("api"), evil("driver"));
        (device.pci_id, device.problem) = (Some(evil("pci")), Some(evil("device problem")));
    }
    for cell in &mut report.cells {
        (cell.model, cell.source, cell.bits) = (evil("model"), evil("source"), evil("bits"));
        cell.problem = Some(evil("problem"));
        cell.digest.found = Some(cell.digest.expected.clone());
        if let Some(warm) = &mut cell.warm {
            warm.noise = vec![evil("noise")];
            warm.wall.spread = f64::MAX;
            for step in &mut warm.steps {
                (step.layer, step.kernel) = (evil("layer"), evil("kernel"));
            }
        }
        if let Some(float32) = &mut cell.float32 {
            (float32.name, float32.problem) = (evil("float32"), Some(evil("float32 problem")));
        }
    }
    report
}

fn cell(device: usize, model: &str, bits: &str, batch: usize, rate: f64, gpu: bool) -> Cell {
    let median = batch as f64 / rate;
    let stats = |median: f64| Stats {
        count: 500,
        least: 0.97 * median,
        median,
        p95: 1.04 * median,
        p99: 1.2 * median,
        spread: 0.012 * (1 + device) as f64,
    };
    let parts =
        Parts { upload: stats(0.07 * median), device: Some(stats(0.8 * median)), readback: stats(0.1 * median) };
    let steps = if gpu && batch == 1 { steps(0.8 * median, rate) } else { Vec::new() };
    let float32 = Float32Baseline {
        name: "f32 by WGSL".into(),
        wall: stats(3.4 * median),
        device: Some(stats(3.1 * median)),
        images_per_second: rate / 3.4,
        times: 3.4,
        problem: (device == 1).then(|| "its launches were not timed".into()),
    };
    Cell {
        device,
        model: model.into(),
        source: "random, seed 1".into(),
        bits: bits.into(),
        input: [224, 224, 3],
        batch,
        model_bytes: Some(5_100_000),
        parameters: Some(11_689_512),
        network_macs: Some(1_814_073_344),
        cold: Some(Cold { load: 0.02, lower: 0.11, compile: 0.04 * (1 + device) as f64, first_run: 3.0 * median }),
        digest: DigestCheck {
            expected: "ab".repeat(32),
            found: Some("ab".repeat(32)),
            against: "cpu-reference".into(),
        },
        warm: Some(Warm {
            wall: stats(median),
            images_per_second: rate,
            parts: gpu.then_some(parts),
            steps,
            clock: Clock::Dispatches,
            probe: [3e8 * rate, 2.99e8 * rate],
            noise: Vec::new(),
        }),
        float32: gpu.then_some(float32),
        problem: None,
    }
}

/// Thirty launches that take `seconds` in total, on a device of this rate.
fn steps(seconds: f64, rate: f64) -> Vec<StepTime> {
    let step = |at: usize| {
        let (layer, kernel) = LAYERS[at % LAYERS.len()];
        let share = (1 + at * 7 % 5) as f64 / 90.0;
        let (words, byte_products) = match kernel {
            "bitconv" => (1.5e8 * rate * share * seconds, 0.0),
            "limbconv" => (0.0, 4e8 * rate * share * seconds),
            _ => (0.0, 0.0),
        };
        StepTime {
            layer: format!("{layer}.{at}"),
            kernel: kernel.into(),
            seconds: share * seconds,
            words,
            byte_products,
            bytes: 1e8 * rate * share * seconds / (1 + at) as f64,
            network_macs: 8.0 * words + byte_products,
            planes: (kernel == "bitconv").then_some([2, 2]),
            window: (kernel != "pointwise").then_some([3, 3]),
            output: [56, 56, 64],
            bound: [Bound::Popcount, Bound::ByteProducts, Bound::Memory, Bound::Launch][at % 4],
            share: 0.1 + 0.8 * share,
        }
    };
    (0..30).map(step).collect()
}
