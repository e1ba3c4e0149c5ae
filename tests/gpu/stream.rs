//! Sequences of batches: the same logits as batch by batch, on the CPU and on a GPU, and errors where they belong.

use lq_infer::internals::backend::{CancelToken, Control};
use lq_infer::internals::random::Rng;
use lq_infer::{Batch, DeviceSelector, Engine, Error, ErrorKind, Model, Net, PrepareOptions};

const IMAGE: usize = 32 * 32 * 3;

/// The bundled model for at most two images at once.
fn net(device: DeviceSelector) -> Net {
    let engine = Engine::builder().device(device).build().unwrap();
    let options = PrepareOptions { max_batch: 2, ..PrepareOptions::default() };
    engine.prepare_with(&Model::bundled().unwrap(), options).unwrap()
}

/// Pictures of noise.
fn pictures(count: usize, seed: u64) -> Batch {
    let mut rng = Rng::new(seed);
    Batch::Pixels((0..count * IMAGE).map(|_| rng.bits() as u8).collect())
}

fn streamed(net: &Net, batches: Vec<Result<Batch, Error>>, control: &Control) -> (Vec<Vec<f32>>, Result<(), Error>) {
    let mut logits = Vec::new();
    let outcome = net.stream(batches, control, |l| {
        logits.push(l);
        Ok(())
    });
    (logits, outcome)
}

fn every_size_gives_the_logits_of_single_batches(device: DeviceSelector) {
    let net = net(device);
    let sizes = [1, 5, 0, 2, 3];
    let batches: Vec<Batch> = sizes.iter().zip(1..).map(|(&count, seed)| pictures(count, seed)).collect();
    let alone: Vec<Vec<f32>> = batches.iter().flat_map(|b| net.logits(b, &Control::default()).unwrap()).collect();
    let (logits, outcome) = streamed(&net, batches.into_iter().map(Ok).collect(), &Control::default());
    outcome.unwrap();
    assert_eq!(logits.len(), 11);
    assert_eq!(logits, alone);
}

pub fn on_the_cpu() {
    every_size_gives_the_logits_of_single_batches(DeviceSelector::Cpu);
}

pub fn on_a_gpu() {
    every_size_gives_the_logits_of_single_batches(DeviceSelector::Gpu);
}

pub fn errors_end_a_sequence() {
    let net = net(DeviceSelector::Cpu);
    let control = Control::default();
    let broken = || Err(Error::Usage("no more".into()));
    let (logits, outcome) = streamed(&net, vec![broken()], &control);
    assert_eq!((logits.len(), outcome.unwrap_err().to_string().contains("no more")), (0, true));
    let (_, outcome) = streamed(&net, vec![Ok(pictures(1, 1)), broken(), Ok(pictures(1, 2))], &control);
    assert!(outcome.unwrap_err().to_string().contains("no more"));
    let (_, outcome) = streamed(&net, vec![Ok(pictures(1, 1)), Ok(Batch::Tensor(vec![0.0; IMAGE]))], &control);
    assert!(outcome.unwrap_err().to_string().contains("mixes"));
    assert!(streamed(&net, Vec::new(), &control).1.is_ok());

    let mut seen = 0;
    let outcome = net.stream([Ok(pictures(3, 1)), Ok(pictures(3, 2))], &control, |_| {
        seen += 1;
        if seen == 2 { Err(Error::Usage("enough".into())) } else { Ok(()) }
    });
    assert!(outcome.is_err());
    assert_eq!(seen, 2);

    let cancel = CancelToken::new();
    cancel.cancel();
    let control = Control { cancel: Some(cancel), deadline: None };
    let (_, outcome) = streamed(&net, vec![Ok(pictures(1, 1))], &control);
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Cancelled);
}
