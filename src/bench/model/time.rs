//! What a launch takes.

use super::machine::Machine;
use crate::backend::gpu::record::{Dispatch, Nest, Recording};
use crate::bench::isa::{Class, Code, Mix};
use crate::lower::Work;

/// The size of a launch, and what its invocations do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Workgroups.
    pub workgroups: u64,
    /// Invocations of each.
    pub workgroup_size: u32,
    /// Turns of an invocation.
    pub turns: usize,
    /// Steps of a turn.
    pub steps: usize,
    /// Bytes that the launch reads and writes at least.
    pub bytes: u64,
}

impl Geometry {
    /// The geometry of `dispatch`, one of `recording`, that does `work` for each of `images` images. Kernels that do not say
    /// how their loops nest are taken to make all their rounds in one loop.
    pub fn of(recording: &Recording, dispatch: &Dispatch, work: Work, images: usize) -> Self {
        let [x, y, z] = recording.workgroups(dispatch, images).map(u64::from);
        let total = (dispatch.per_image * images).div_ceil(dispatch.workgroup_size.max(1) as usize) as u64;
        let Nest { turns, steps, .. } = dispatch.nest;
        Geometry {
            workgroups: total.min(x * y) * z,
            workgroup_size: dispatch.workgroup_size,
            turns: turns.max(1),
            steps: if turns == 0 { dispatch.rounds.max(1) } else { steps },
            bytes: work.bytes(images),
        }
    }

    /// Steps that an invocation makes one after the other.
    pub fn serial_steps(&self) -> usize {
        self.turns * self.steps
    }
}

/// What a shader occupies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resources {
    /// Lanes of its waves.
    pub lanes: u32,
    /// Waves that a part of the device holds at a time.
    pub waves: usize,
}

/// A compiled shader.
#[derive(Clone, Debug)]
pub struct Shader {
    /// Its instructions.
    pub code: Code,
    /// What it occupies.
    pub resources: Resources,
}

/// The parts of a launch's time. They overlap, but for the launch itself: the longest decides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seconds {
    /// Issuing instructions on the busiest part of the device.
    pub issue: f64,
    /// The instructions of one wave after the other, and waiting for what they load.
    pub serial: f64,
    /// Loads by way of the caches of units.
    pub loads: f64,
    /// Reading and writing tensors and weights.
    pub memory: f64,
    /// The launch itself.
    pub launch: f64,
}

impl Seconds {
    /// The time of the launch.
    pub fn total(&self) -> f64 {
        [self.serial, self.loads, self.memory].into_iter().fold(self.issue, f64::max) + self.launch
    }

    /// What decides.
    pub fn bound(&self) -> &'static str {
        let parts = [
            (self.issue, "instructions"),
            (self.serial, "serial"),
            (self.loads, "loads"),
            (self.memory, "memory"),
            (self.launch, "launch"),
        ];
        parts.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).map_or("", |(_, name)| name)
    }
}

/// What a launch takes on `machine`.
///
/// A SIMD that gets `own` waves and holds `held` of them at a time issues all their instructions, `own` times those of one wave;
/// and it cannot be done sooner than `own / held` waves, rounded up, take one after the other. One wave alone takes its vector
/// instructions, a cycle for each of the others, and for each round of a loop that loads something the latency of the slowest
/// kind of load, because the loads of a round are issued together.
pub fn seconds(machine: &Machine, shader: &Shader, geometry: &Geometry) -> Seconds {
    let Resources { lanes, waves } = shader.resources;
    let executed = shader.code.executed(geometry.turns, geometry.steps);
    let waves_of_group = u64::from(geometry.workgroup_size.div_ceil(lanes.max(1)));
    let simds = (machine.units * machine.simds) as u64;
    let own = (geometry.workgroups * waves_of_group).div_ceil(simds);
    let turns_of_waves = own.div_ceil((waves as u64).clamp(1, own.max(1)));
    let vector = machine.issue(&executed) * machine.cycles(lanes);
    let others = [Class::Scalar, Class::ScalarLoad, Class::VectorLoad, Class::Store, Class::Local, Class::Barrier];
    let others: f64 = others.iter().map(|class| executed.of(*class)).sum();
    let one = vector + others + waiting(machine, &shader.code, geometry);
    // The SIMDs of a unit share its cache.
    let loaded = 4.0 * executed.words * f64::from(lanes) / machine.cache_bytes_per_cycle;
    let [size, fast] = machine.last_cache;
    let rate = if geometry.bytes as f64 <= size { fast } else { machine.memory };
    Seconds {
        issue: own as f64 * vector / machine.clock,
        serial: turns_of_waves as f64 * one / machine.clock,
        loads: own as f64 * machine.simds as f64 * loaded / machine.clock,
        memory: geometry.bytes as f64 / rate,
        launch: machine.launch,
    }
}

/// Cycles that a wave waits for memory.
fn waiting(machine: &Machine, code: &Code, geometry: &Geometry) -> f64 {
    let latency = machine.latency;
    let of = |mix: &Mix| {
        let kinds =
            [(Class::VectorLoad, latency.vector), (Class::ScalarLoad, latency.scalar), (Class::Local, latency.local)];
        kinds.iter().filter(|(class, _)| mix.of(*class) > 0.0).fold(0.0, |most, (_, cycles)| f64::max(most, *cycles))
    };
    let (turns, steps) = (geometry.turns as f64, geometry.steps as f64);
    of(&code.once) + turns * of(&code.turn) + turns * steps * of(&code.step) + steps * of(&code.others)
}
