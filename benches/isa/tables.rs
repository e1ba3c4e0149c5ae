//! What is printed and written.

use crate::common::Outcome;
use crate::division::Division;
use crate::families::Family;
use crate::shaders::{BATCHES, Network};
use lq_infer::internals::bench::model::{ASSUMPTIONS, Machine, Modelled, compared, modelled};
use std::collections::BTreeMap;

/// The network whose times are printed.
const TIMED: &str = "preact-resnet-18";

/// All figures of all shaders.
pub fn list(families: &[Family], divisions: &BTreeMap<String, Division>) -> Outcome<()> {
    for family in families {
        println!("{} ({}), {}", family.name, family.machine.name, family.figures.compiler);
        println!(
            "{:<64} {:>6} {:>7} {:>7} {:>11} {:>9} {:>5} {:>6} {:>7}  variant",
            "", "instr.", "a step", "product", "loads s/v/l", "registers", "waves", "spills", "scratch"
        );
        for (name, f) in &family.figures.shaders {
            let loads = format!("{}/{}/{}", f.loads.scalar, f.loads.vector, f.loads.local);
            let registers = format!("{}/{}", f.sgprs, f.vgprs);
            println!(
                "{name:<64} {:>6} {:>7} {:>7.3} {loads:>11} {registers:>9} {:>5} {:>6} {:>7}  {}, wave{}",
                f.instructions, f.issue, f.per_product, f.waves, f.spills, f.scratch, f.variant, f.lanes
            );
        }
    }
    println!("{:<64} {:>6} {:>24}  variant", "dispatches", "steps", "workgroups");
    for (name, d) in divisions {
        println!("{name:<64} {:>6} {:>24}  {}", d.steps, d.workgroups, d.variant);
    }
    Ok(())
}

/// A JSON object with a line for each entry.
pub fn lines(divisions: &BTreeMap<String, Division>) -> Outcome<String> {
    let line = |(name, division)| -> Outcome<String> {
        Ok(format!("  {}: {}", serde_json::to_string(name)?, serde_json::to_string(division)?))
    };
    Ok(format!("{{\n{}\n}}\n", divisions.iter().map(line).collect::<Outcome<Vec<_>>>()?.join(",\n")))
}

/// What the model of time says about whole runs and each of their launches.
pub fn times(networks: &[Network], stand_in: &Family) -> Outcome<()> {
    let machines = compared("");
    println!("\nModelled, not measured: microseconds for a batch of {BATCHES:?} images");
    for network in networks.iter().filter(|network| network.name.starts_with(TIMED)) {
        let of = |machine: &&Machine| -> Outcome<Vec<Modelled>> {
            let of_batch = |images| modelled(&network.plan, machine, images, &stand_in.figures);
            Ok(BATCHES.into_iter().map(of_batch).collect::<Result<_, _>>()?)
        };
        let all = machines.iter().map(of).collect::<Outcome<Vec<_>>>()?;
        println!("{}", network.name);
        for (machine, batches) in machines.iter().zip(&all) {
            let us = batches.iter().map(|m| format!("{:>10.1}", 1e6 * m.seconds)).collect::<String>();
            let rate = batches.last().map_or(0.0, |m| m.images_per_second);
            println!("  {:<28}{us}   {rate:>8.0} images/s at the largest", machine.name);
        }
        of_layers(&machines, &all);
    }
    ASSUMPTIONS.iter().for_each(|sentence| println!("  {sentence}"));
    Ok(())
}

/// A table for each device, whose launches may differ from those of the others.
fn of_layers(machines: &[&Machine], all: &[Vec<Modelled>]) {
    for (machine, batches) in machines.iter().zip(all) {
        let Some(first) = batches.first() else { continue };
        println!("  {:<34} {:<9} {:>6} {:>30}  what decides", machine.name, "kernel", "steps", "us");
        for (at, launch) in first.launches.iter().enumerate() {
            let launches = batches.iter().filter_map(|m| m.launches.get(at));
            let us = launches.clone().map(|l| format!("{:>10.1}", 1e6 * l.seconds)).collect::<String>();
            let bounds = launches.map(|l| l.bound.as_str()).collect::<Vec<_>>().join(", ");
            println!("    {:<32} {:<9} {:>6} {us}  {bounds}", launch.layer, launch.kernel, launch.steps);
        }
    }
}
