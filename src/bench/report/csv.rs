//! Reports as tables for other programs (CSV).

use super::{Cell, Report, Stats};

/// The columns of [`Report::csv`]: run, device, network, and then the figures.
pub(crate) const COLUMNS: &str = "began,version,shaders,quick,os,architecture,cpu,threads,\
                           device,api,driver,pci_id,software,peak_words,peak_macs,peak_bytes,\
                           model,source,bits,batch,\
                           count,median_s,p95_s,p99_s,least_s,spread,images_per_second,upload_s,gpu_s,readback_s,\
                           load_s,lower_s,compile_s,first_run_s,\
                           rival,rival_median_s,rival_gpu_s,rival_images_per_second,rival_times,rival_problem,\
                           digest,expected,problem,noise,\
                           model_bytes,parameters,network_macs";

impl Report {
    /// One line per cell, after a line of column names. Absent values are empty fields.
    pub fn csv(&self) -> String {
        let lines = self.cells.iter().map(|cell| csv_line(&fields(self, cell)));
        format!("{COLUMNS}\n{}", lines.collect::<String>())
    }
}

/// The fields of a cell, in the order of [`COLUMNS`].
pub(crate) fn fields(report: &Report, cell: &Cell) -> Vec<String> {
    let host = &report.host;
    let mut fields =
        vec![report.began.clone(), report.version.clone(), report.shaders.clone(), report.quick.to_string()];
    fields.extend([host.os.clone(), host.architecture.clone(), host.cpu.clone(), host.threads.to_string()]);
    fields.extend(device(report, cell));
    fields.extend([cell.model.clone(), cell.source.clone(), cell.bits.clone(), cell.batch.to_string()]);
    fields.extend(warm(cell));
    let cold = cell.cold;
    fields.extend(
        [cold.map(|c| c.load), cold.map(|c| c.lower), cold.map(|c| c.compile), cold.map(|c| c.first_run)].map(maybe),
    );
    fields.extend(float32(cell));
    fields.extend([cell.digest.found.clone().unwrap_or_default(), cell.digest.expected.clone()]);
    let noise = cell.warm.as_ref().map_or(String::new(), |w| w.noise.join("; "));
    fields.extend([cell.problem.clone().unwrap_or_default(), noise]);
    fields.extend([cell.model_bytes, cell.parameters, cell.network_macs].map(maybe));
    fields
}

fn maybe(field: Option<impl ToString>) -> String {
    field.map_or(String::new(), |field| field.to_string())
}

fn device(report: &Report, cell: &Cell) -> [String; 8] {
    let device = report.devices.get(cell.device);
    let text = |of: fn(&super::Device) -> String| device.map_or(String::new(), of);
    let peaks = device.and_then(|device| device.peaks);
    [
        text(|d| d.name.clone()),
        text(|d| d.api.clone()),
        text(|d| d.driver.clone()),
        text(|d| maybe(d.pci_id.clone())),
        text(|d| d.software.to_string()),
        maybe(peaks.map(|p| p.words)),
        maybe(peaks.map(|p| p.byte_products)),
        maybe(peaks.map(|p| p.bytes)),
    ]
}

fn warm(cell: &Cell) -> [String; 10] {
    let wall = |of: fn(&Stats) -> f64| maybe(cell.warm.as_ref().map(|warm| of(&warm.wall)));
    let parts = cell.warm.as_ref().and_then(|warm| warm.parts);
    [
        maybe(cell.warm.as_ref().map(|warm| warm.wall.count)),
        wall(|w| w.median),
        wall(|w| w.p95),
        wall(|w| w.p99),
        wall(|w| w.least),
        wall(|w| w.spread),
        maybe(cell.warm.as_ref().map(|warm| warm.images_per_second)),
        maybe(parts.map(|parts| parts.upload.median)),
        maybe(parts.and_then(|parts| Some(parts.device?.median))),
        maybe(parts.map(|parts| parts.readback.median)),
    ]
}

fn float32(cell: &Cell) -> [String; 6] {
    let timed = cell.timed_float32();
    [
        maybe(cell.float32.as_ref().map(|r| &r.name)),
        maybe(timed.map(|r| r.wall.median)),
        maybe(timed.and_then(|r| Some(r.device?.median))),
        maybe(timed.map(|r| r.images_per_second)),
        maybe(timed.map(|r| r.times)),
        maybe(cell.float32.as_ref().and_then(|r| r.problem.as_ref())),
    ]
}

/// One line of CSV (RFC 4180).
pub(crate) fn csv_line(fields: &[String]) -> String {
    let quoted = fields.iter().map(|field| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.clone(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}
