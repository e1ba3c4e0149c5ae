// The pixels of a batch, divided into PARTS: an invocation has one part and one quad of channels.

struct Own {
    quad: u32,
    first: u32,
    end: u32,
}

fn own_of(index: u32) -> Own {
    let all = params.images * PIXELS;
    let each = (all + PARTS - 1u) / PARTS;
    let first = min(index / QUADS * each, all);
    return Own(index % QUADS, first, min(first + each, all));
}
