//! Writes out loops: `for (var k = 0u; k < BOUND; k++) { // unrolled` becomes BOUND blocks, each with a constant k.
//!
//! Drivers unroll loops as they think fit. Where they do not, arrays that are indexed with k end up in memory, and a kernel
//! takes fifty times as long.

/// Marks a loop to be written out; at the end of its first line.
const MARK: &str = " { // unrolled";

/// `text` with marked loops written out; `number` gives the constants that bounds name. A loop whose bound is unknown stays.
pub fn unroll(text: &str, number: &dyn Fn(&str) -> Option<usize>) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (mut unrolled, mut at) = (String::with_capacity(2 * text.len()), 0);
    while let Some(line) = lines.get(at) {
        at += 1;
        match counter(line).and_then(|(name, bound)| Some((name, value(bound, number)?))) {
            Some((name, count)) => {
                let body = body(&lines[at..]);
                at += body.len() + 1;
                let body = unroll(&body.join("\n"), number);
                for k in 0..count {
                    unrolled.push_str(&format!("{{\nconst {name} = {k}u;\n{body}}}\n"));
                }
            }
            None => {
                unrolled.push_str(line);
                unrolled.push('\n');
            }
        }
    }
    unrolled
}

/// Counter and bound of the marked loop that `line` opens.
fn counter(line: &str) -> Option<(&str, &str)> {
    let head = line.trim_start().strip_prefix("for (var ")?.strip_suffix(MARK)?;
    let (name, rest) = head.split_once(" = 0u; ")?;
    let bound = rest.strip_prefix(name)?.strip_prefix(" < ")?.strip_suffix("++)")?.strip_suffix(name)?;
    Some((name, bound.strip_suffix("; ")?))
}

fn value(bound: &str, number: &dyn Fn(&str) -> Option<usize>) -> Option<usize> {
    bound.strip_suffix('u').and_then(|literal| literal.parse().ok()).or_else(|| number(bound))
}

/// The lines up to the brace that closes the block they are in.
fn body<'a, 'b>(lines: &'a [&'b str]) -> &'a [&'b str] {
    let mut depth = 1usize;
    let closes = |line: &&str| {
        depth += line.matches('{').count();
        depth = depth.saturating_sub(line.matches('}').count());
        depth == 0
    };
    &lines[..lines.iter().position(closes).unwrap_or(lines.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_loops_are_written_out_inside_and_outside() {
        let text = "\
for (var t = 0u; t < TILE; t++) { // unrolled
    if a {
        for (var k = 0u; k < 2u; k++) { // unrolled
            f(t, k);
        }
    }
}
for (var r = 0u; r < 2u; r++) {
    g(r);
}
for (var q = 0u; q < NONE; q++) { // unrolled
    h(q);
}
";
        let numbers = |name: &str| [("TILE", 2), ("NONE", 0)].into_iter().find(|n| n.0 == name).map(|n| n.1);
        let flat: String = unroll(text, &numbers).split_whitespace().collect::<Vec<_>>().join(" ");
        let inner = "if a { { const k = 0u; f(t, k); } { const k = 1u; f(t, k); } }";
        let outer = |t: u32| format!("{{ const t = {t}u; {inner} }}");
        assert_eq!(flat, format!("{} {} for (var r = 0u; r < 2u; r++) {{ g(r); }}", outer(0), outer(1)));
    }

    #[test]
    fn loops_of_unknown_length_stay() {
        let text = "for (var k = 0u; k < SHAPE; k++) { // unrolled\nf(k);\n}\n";
        assert_eq!(unroll(text, &|_| None), text);
    }
}
