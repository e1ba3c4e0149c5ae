//! Unrolls marked loops: `for (var k = 0u; k < BOUND; k++) { // unrolled` becomes BOUND blocks, each with a constant
//! k.
//!
//! Drivers may or may not unroll a loop on their own. Where they do not, arrays indexed by k are kept in memory
//! instead of in registers, and the kernel takes fifty times as long. So a marked loop that cannot be unrolled must
//! not pass unnoticed: it becomes a line that is not WGSL, and compiling the shader fails with an error that shows the
//! loop.

/// Marks a loop to unroll, at the end of the loop's first line.
const MARK: &str = " { // unrolled";
/// Starts a line that replaces a loop which cannot be unrolled.
const REFUSED: &str = "cannot unroll: ";

/// `text` with its marked loops unrolled; `number` looks up the constants that bounds name.
pub(super) fn unroll(text: &str, number: &dyn Fn(&str) -> Option<usize>) -> String {
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
                unrolled.push_str(if is_marked(line) { REFUSED } else { "" });
                unrolled.push_str(line);
                unrolled.push('\n');
            }
        }
    }
    unrolled
}

/// Whether a line of code is marked, perhaps wrongly: a comment behind the head of a loop can only be meant as the
/// mark.
fn is_marked(line: &str) -> bool {
    line.split_once("//").is_some_and(|(code, comment)| code.contains("for (") || comment == " unrolled")
}

/// Counter and bound of the loop that `line` opens, if it is marked and has the form that can be unrolled.
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

    /// A loop that stayed rolled would give the same results, fifty times slower.
    #[test]
    fn a_marked_loop_that_cannot_be_unrolled_makes_the_text_invalid() {
        let number = |name: &str| (name == "TILE").then_some(2);
        for head in [
            "for (var k = 0u; k < SHAPE; k++) { // unrolled",
            "for (var k = 0u; k < TILE; k++) { // unroled",
            "for (var k = 0u; k < TILE; k++) {  // unrolled",
            "for (var k = 0u; k < TILE; k++) {// unrolled",
            "for (var k = 0u; k < TILE; j++) { // unrolled",
            "for (var k = 0; k < TILE; k++) { // unrolled",
            "for (var k: u32 = 0u; k < TILE; k++) { // unrolled",
            "for (var k = 1u; k < TILE; k++) { // unrolled",
            "for (var k = 0u; k <= TILE; k++) { // unrolled",
            "while k < TILE { // unrolled",
        ] {
            let function = |head: &str| format!("const TILE = 2u;\nfn f() {{\n    {head}\n    }}\n}}\n");
            let text = unroll(&function(head), &number);
            assert!(text.contains("\ncannot unroll:     "), "{text}");
            assert!(naga::front::wgsl::parse_str(&text).is_err(), "{text}");
            let unmarked = function("for (var k = 0u; k < TILE; k++) {");
            assert_eq!(unroll(&unmarked, &number), unmarked);
        }
    }

    #[test]
    fn comments_are_no_marks() {
        let text = "// Loops marked \"unrolled\" for (some) reason.\nlet x = 1u; // not a loop\n";
        assert_eq!(unroll(text, &|_| None), text);
    }
}
