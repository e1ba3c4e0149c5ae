use super::*;
use crate::backend::gpu::record::Recording;
use crate::bench::isa::{Class, Code, Mix, Sought};
use crate::bench::random_network;
use crate::lower::Program;
use crate::plan::Plan;
use crate::zoo::Uniform;

fn plan() -> Plan {
    let program: Program = random_network("cifar-resnet-20", &Uniform::bits(2, 2), 1).unwrap();
    Plan::new(program).unwrap()
}

fn machine(id: &str) -> &'static Machine {
    let all: &'static [Machine] = &MACHINES;
    all.iter().find(|machine| machine.id == id).unwrap()
}

/// A shader whose step loads a vector of two words, ANDs, counts and branches.
fn shader(lanes: u32, waves: usize) -> Shader {
    let text = "BB1:\n\ts_cbranch_scc1 BB2\n\tbuffer_load_dwordx2 v[0:1], v2\n\tv_and_b32 v0, v0, v1\n\tv_bcnt_u32_b32 v3, v0, v3\n\
                \ts_branch BB1\nBB2:\n\tbuffer_store_dword v3, v2\n\ts_endpgm\n";
    Shader { code: Code::parse(text, Sought::Words).unwrap(), resources: Resources { lanes, waves } }
}

fn geometry(workgroups: u64) -> Geometry {
    Geometry { workgroups, workgroup_size: 64, turns: 2, steps: 10, bytes: 1_000_000 }
}

/// The numbers of one launch, by hand.
#[test]
fn a_launch_takes_what_its_instructions_and_waits_take() {
    let machine = machine("rx-6800");
    let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    // 120 SIMDs: one wave each.
    let one = seconds(machine, &shader(64, 4), &geometry(120));
    // Twenty steps of two vector instructions in two cycles each.
    near(one.issue, 80.0 / 2.1e9);
    // Besides: in each step two branches, a load and a wait for it; at the end a store and a scalar instruction.
    near(one.serial, (80.0 + 20.0 * (2.0 + 1.0 + 200.0) + 2.0) / 2.1e9);
    // Both SIMDs of a unit load 20 x 8 bytes for each of 64 lanes at 128 bytes per cycle.
    near(one.loads, 2.0 * 20.0 * 8.0 * 64.0 / 128.0 / 2.1e9);
    near(one.memory, 1e6 / 1.9e12);
    near(one.total(), one.serial + 5e-6);
    assert_eq!(one.bound(), "launch");
    // Eight waves each, of which a SIMD holds four at a time.
    let eight = seconds(machine, &shader(64, 4), &geometry(960));
    near(eight.issue, 8.0 * one.issue);
    near(eight.serial, 2.0 * one.serial);
    // What does not fit in the last cache comes from memory.
    let large = Geometry { bytes: 1_000_000_000, ..geometry(1) };
    near(seconds(machine, &shader(64, 4), &large).memory, 1e9 / 512e9);
}

#[test]
fn costs_differ_from_maker_to_maker() {
    let issue = |id: &str, listing: &str| machine(id).issue(&Code::parse(listing, Sought::Any).unwrap().step);
    let pairs = "v_and_b32 v0\nv_bcnt_u32_b32 v0\nv_and_b32 v0\nv_bcnt_u32_b32 v0\n";
    // NVIDIA counts on a pipe of its own, which is the slower one; Intel adds by an instruction of its own.
    assert_eq!(["rx-6800", "h100", "arc-a770"].map(|id| issue(id, pairs)), [4.0, 8.0, 6.0]);
    assert_eq!(
        ["rx-580", "vega-64", "rx-6800"].map(|id| issue(id, "v_fma_f32 v0\nv_cvt_f32_u32 v0\n")),
        [8.0, 5.0, 2.0]
    );
    assert_eq!(issue("rx-6800", "v_mul_lo_u32 v0\ns_mul_i32 s0\n"), 4.0);
}

#[test]
fn the_committed_figures_are_whole() {
    let figures = Figures::bundled().unwrap();
    assert!(figures.compiler.starts_with("Mesa") && figures.shaders.len() > 20);
    assert_eq!(figures.text().unwrap(), include_str!("../../../benches/isa/figures/navi21.json"));
    for (name, figure) in &figures.shaders {
        assert!(figure.instructions > 0 && figure.waves > 0 && figure.code.step != Mix::default(), "{name}");
        assert_eq!(figure.products > 0, ["bitconv", "limbconv", "limbsum"].contains(&figure.kernel.as_str()), "{name}");
        if figure.kernel == "bitconv" {
            assert!(figure.per_product >= 1.0 && figure.code.step.of(Class::Count) > 0.0, "{name}");
        }
    }
    assert!(Figures::parse("{}").unwrap_err().contains("compiler"));
}

/// A figure is found by the text of its shader: after a change of the text the model would take a similar shader's.
#[test]
fn the_committed_figures_are_of_these_shaders() {
    let (figures, plan) = (Figures::bundled().unwrap(), plan());
    for images in [1, 8, 64] {
        let recording = Recording::new(&plan, &machine("rx-6800").target(images), &|_, _| 0);
        for dispatch in recording.dispatches() {
            let what = "update the figures: cargo bench --bench isa -- --update";
            assert!(figures.of_text(&dispatch.source).is_some(), "{}, batch {images}: {what}", dispatch.name);
        }
    }
}

/// A step with more products takes more instructions, and so does the turn that finishes its sums.
#[test]
fn other_shaders_of_a_kernel_are_scaled() {
    let figures = Figures::bundled().unwrap();
    let figure = figures.shaders.values().find(|figure| figure.kernel == "bitconv").unwrap();
    let machine = machine("rx-6800");
    let [same, twice] = [1, 2].map(|n| figure.shader(machine, n * figure.products).code);
    assert_eq!(same, figure.code);
    assert_eq!(machine.issue(&twice.step), 2.0 * machine.issue(&same.step));
    assert_eq!((machine.issue(&twice.turn), twice.once), (2.0 * machine.issue(&same.turn), same.once));
    // One that occupies all registers of a lane.
    let wide = Figure { vgprs: 512, ..figure.clone() };
    let resources = wide.shader(self::machine("h100"), 0).resources;
    assert_eq!((resources.lanes, resources.waves), (32, 1));
}

#[test]
fn whole_networks_are_modelled_on_every_device() {
    let plan = plan();
    for batch in [1, 64] {
        for modelled in elsewhere(&plan, batch, "AMD Radeon RX 580 Series").unwrap() {
            let launches: f64 = modelled.launches.iter().map(|launch| launch.seconds).sum();
            assert!((launches / modelled.seconds - 1.0).abs() < 1e-9 && launches > 1e-5, "{modelled:?}");
            assert!((modelled.images_per_second * modelled.seconds / batch as f64 - 1.0).abs() < 1e-9);
        }
    }
    let names = |device: &str| -> Vec<&str> { compared(device).iter().map(|machine| machine.id).collect() };
    assert_eq!(names("NVIDIA H100 80GB HBM3"), ["h100", "rx-6800", "rtx-3060", "arc-a770"]);
    assert_eq!(names("llvmpipe"), ["rx-6800", "rtx-3060", "h100", "arc-a770"]);
    assert_eq!(names("AMD Radeon RX 580 Series")[0], "rx-580");
    assert_eq!(of_family("gfx1100").map(|machine| machine.id), Some("rx-7900-xtx"));
}
