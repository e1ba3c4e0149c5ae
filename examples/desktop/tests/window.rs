//! The program itself, on an X server without a screen (Xvfb): it must give the results of the library's CPU, show them, and go on when
//! its device is lost.

use lq_infer::{ClassifyOptions, DeviceSelector, Engine, Model, Pixels};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// An X server of this test.
struct Screen {
    server: Child,
    display: String,
}

impl Screen {
    fn start() -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb (apt-get install xvfb)");
        let mut number = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut number).unwrap();
        Screen { server, display: format!(":{}", number.trim()) }
    }

    /// Runs the program there until it ends; it is killed if that takes too long.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_lq-desktop"))
            .args(arguments)
            .env("DISPLAY", &self.display)
            .env("NODEVICE_SELECT", "1")
            .env_remove("WAYLAND_DISPLAY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(180);
        while program.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = program.kill();
        program.wait_with_output().unwrap()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn ship() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ship.png")
}

/// Label and digest of the ship, computed on the CPU.
fn expected() -> (String, String) {
    let engine = Engine::builder().device(DeviceSelector::Cpu).build().unwrap();
    let net = engine.prepare(&Model::bundled().unwrap()).unwrap();
    let found = net.classify(&Pixels::open(ship()).unwrap(), &ClassifyOptions::default()).unwrap();
    (found.top[0].label.clone(), found.digest)
}

/// The objects on standard output of a program that ended well.
fn results(output: &Output) -> Vec<serde_json::Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}: {}{}", output.status, text(&output.stdout), text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A picture of a window.
struct Shot(image::RgbImage);

impl Shot {
    fn open(path: &Path) -> Self {
        Shot(image::open(path).unwrap().into_rgb8())
    }

    /// Whether somewhere a square of `size` pixels has this colour, give or take a level.
    fn has_square(&self, colour: [u8; 3], size: u32) -> bool {
        let (width, height) = self.0.dimensions();
        let alike = |x: u32, y: u32| self.0.get_pixel(x, y).0.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 1);
        let square = |x: u32, y: u32| (y..y + size).all(|y| (x..x + size).all(|x| alike(x, y)));
        (0..height - size).any(|y| (0..width - size).any(|x| alike(x, y) && square(x, y)))
    }

    /// The longest run of blue pixels in the right half: the filled parts of bars are blue in either theme.
    fn longest_bar(&self) -> u32 {
        let blue = |p: &image::Rgb<u8>| i32::from(p.0[2]) - i32::from(p.0[0]) > 90;
        let half = self.0.width() as usize / 2;
        let mut longest = 0;
        for row in self.0.rows() {
            let mut run = 0;
            for pixel in row.skip(half) {
                run = if blue(pixel) { run + 1 } else { 0 };
                longest = longest.max(run);
            }
        }
        longest
    }
}

#[test]
fn the_window_shows_what_the_cpu_computes() {
    let (screen, folder) = (Screen::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("window.png");
    let output = screen.run(&["--json", "--screenshot", file.to_str().unwrap(), ship().to_str().unwrap()]);
    let (label, digest) = expected();
    let results = results(&output);
    assert_eq!(results.len(), 1);
    assert_eq!(
        (results[0]["top"][0]["label"].as_str(), results[0]["digest"].as_str()),
        (Some(&*label), Some(&*digest))
    );

    let shot = Shot::open(&file);
    // The picture: each of its most frequent colours covers an area.
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    for pixel in image::open(ship()).unwrap().into_rgb8().pixels() {
        *counts.entry(pixel.0).or_default() += 1;
    }
    let mut colours: Vec<_> = counts.into_iter().map(|(colour, count)| (Reverse(count), colour)).collect();
    colours.sort();
    for (_, colour) in &colours[..4] {
        assert!(shot.has_square(*colour, 8), "{colour:?}");
    }
    // The bar of the first class, which is all but certain.
    assert!(results[0]["top"][0]["probability"].as_f64().unwrap() > 0.99);
    assert!(shot.longest_bar() > 250, "{}", shot.longest_bar());
}

#[test]
fn the_window_goes_on_when_its_device_is_lost() {
    let (screen, folder) = (Screen::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("window.png");
    let output =
        screen.run(&["--json", "--lose-device", "--screenshot", file.to_str().unwrap(), ship().to_str().unwrap()]);
    let results = results(&output);
    let digest = expected().1;
    let losses: Vec<_> = results.iter().map(|r| (r["losses"].as_u64(), r["digest"].as_str())).collect();
    assert_eq!(losses, [(Some(0), Some(&*digest)), (Some(1), Some(&*digest))]);
    assert!(Shot::open(&file).longest_bar() > 250);
}

#[test]
fn what_cannot_be_shown_is_an_error_and_no_screenshot() {
    let (screen, folder) = (Screen::start(), tempfile::tempdir().unwrap());
    let (file, text) = (folder.path().join("window.png"), folder.path().join("notes.png"));
    std::fs::write(&text, "no picture").unwrap();
    let output = screen.run(&["--screenshot", file.to_str().unwrap(), text.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("notes.png"));
    assert!(!file.exists());

    let output = screen.run(&["--model", text.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("notes.png"));
}
