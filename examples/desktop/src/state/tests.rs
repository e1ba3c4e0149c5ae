use super::*;

fn picture() -> Arc<Picture> {
    let pixels = Pixels { width: 1, height: 1, rgb: vec![128; 3] };
    Arc::new(Picture { name: "grey.png".into(), shown: pixels.clone(), seen: pixels.clone(), pixels })
}

fn found(digest: &str) -> Found {
    let classification = Classification { top: vec![], logits: vec![], digest: digest.into() };
    Found { classification, took: Duration::from_millis(1) }
}

fn prepared() -> Event {
    Event::Prepared("a device".into(), Duration::from_millis(5))
}

/// A state with a picture that was asked for and opened, after these events.
fn with_picture(events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::default();
    for event in events.into_iter().chain([Event::Wanted, Event::Opened(1, Ok(picture()))]) {
        state.apply(event);
    }
    state
}

#[test]
fn a_picture_is_classified_as_soon_as_there_are_both_picture_and_network() {
    let mut network_first = State::default();
    assert_eq!(network_first.apply(Event::Progress(3, 9)), None);
    assert_eq!(network_first.device, Device::Preparing(Some((3, 9))));
    assert_eq!(network_first.apply(prepared()), None);
    // Progress comes by another way than the network, and may be late.
    assert_eq!(network_first.apply(Event::Progress(9, 9)), None);
    assert!(matches!(network_first.device, Device::Ready { .. }));
    assert_eq!(network_first.apply(Event::Wanted), Some(Action::Open(1)));
    assert_eq!(network_first.apply(Event::Opened(1, Ok(picture()))), Some(Action::Classify));

    let mut picture_first = with_picture([]);
    assert!(matches!(picture_first.answer, Answer::Waiting(None)));
    assert_eq!(picture_first.apply(prepared()), Some(Action::Classify));
    assert_eq!(picture_first.apply(Event::Classified(found("a"))), None);
    assert!(matches!(&picture_first.answer, Answer::Found(shown) if *shown == found("a")));
}

#[test]
fn the_file_that_was_wanted_last_is_shown() {
    let mut state = State::default();
    assert_eq!(state.apply(Event::Wanted), Some(Action::Open(1)));
    assert_eq!(state.apply(Event::Wanted), Some(Action::Open(2)));
    state.apply(Event::Opened(1, Err("too late to matter".into())));
    state.apply(Event::Opened(1, Ok(picture())));
    assert!(state.picture.is_none() && state.problem.is_none());
    state.apply(Event::Opened(2, Ok(picture())));
    assert!(state.picture.is_some());
}

#[test]
fn a_file_that_is_no_picture_leaves_the_one_before_on_display() {
    let mut state = with_picture([prepared()]);
    state.apply(Event::Classified(found("a")));
    state.apply(Event::Wanted);
    assert_eq!(state.apply(Event::Opened(2, Err("no picture".into()))), None);
    assert_eq!(state.problem.as_deref(), Some("no picture"));
    assert!(state.picture.is_some() && matches!(state.answer, Answer::Found(_)));
    // The next one that can be opened ends the complaint. What was found before is shown until its answer comes.
    state.apply(Event::Wanted);
    assert_eq!(state.apply(Event::Opened(3, Ok(picture()))), Some(Action::Classify));
    assert!(state.problem.is_none() && matches!(state.answer, Answer::Waiting(Some(_))));
}

#[test]
fn after_a_loss_the_picture_is_classified_again_on_a_new_device() {
    let mut state = with_picture([prepared()]);
    state.apply(Event::Classified(found("a")));
    assert_eq!(state.apply(Event::Lost("unplugged".into())), Some(Action::Rebuild));
    assert!(state.wants_network() && matches!(state.answer, Answer::Waiting(Some(_))));
    assert_eq!(state.apply(prepared()), Some(Action::Classify));
    state.apply(Event::Classified(found("a")));
    assert_eq!(state.losses, 1);

    // Without a picture there is nothing to classify.
    let mut empty = State::default();
    empty.apply(prepared());
    assert_eq!(empty.apply(Event::Lost("unplugged".into())), Some(Action::Rebuild));
    assert!(matches!(empty.answer, Answer::None));
    assert_eq!(empty.apply(prepared()), None);
}

#[test]
fn a_network_that_no_device_survives_is_given_up() {
    let mut state = with_picture([]);
    for _ in 0..PATIENCE {
        assert_eq!(state.apply(prepared()), Some(Action::Classify));
        assert_eq!(state.apply(Event::Lost("hung".into())), Some(Action::Rebuild));
        assert!(state.wants_network());
    }
    assert_eq!(state.apply(prepared()), Some(Action::Classify));
    // The window goes on, without the network.
    assert_eq!(state.apply(Event::Lost("hung".into())), Some(Action::Rebuild));
    assert!(!state.wants_network());
    assert!(matches!(&state.device, Device::Failed(problem) if problem.contains("hung")));
    // An answer in between starts the count anew.
    let mut state = with_picture([]);
    for _ in 0..2 * PATIENCE {
        state.apply(prepared());
        state.apply(Event::Classified(found("a")));
        state.apply(Event::Lost("unplugged".into()));
    }
    assert!(state.wants_network());
}

#[test]
fn failures_of_the_network_are_shown_and_the_next_picture_is_tried() {
    let mut state = with_picture([prepared()]);
    state.apply(Event::NotClassified("out of memory".into()));
    assert!(matches!(&state.answer, Answer::Failed(problem) if problem == "out of memory"));
    state.apply(Event::Wanted);
    assert_eq!(state.apply(Event::Opened(2, Ok(picture()))), Some(Action::Classify));

    let mut state = with_picture([Event::NotPrepared("too large".into())]);
    assert!(matches!(&state.device, Device::Failed(problem) if problem == "too large"));
    assert!(!state.wants_network());
    assert_eq!(state.apply(Event::Wanted), Some(Action::Open(2)));
}
