//! Counting the bits of several words at once. A carry-save adder turns three words of equal weight into one of the
//! same weight and one of twice the weight, so that of n words only about log2(n) are left to count (Harley and Seal).

/// WGSL of `count(sum: u32, words: Products) -> u32`, which adds the bits set in `words` words to a sum, and of the alias
/// `Products`. Without adders each word is counted, which is better where counting is as fast as adding. The terms are
/// added to the sum one after the other, because some GPUs count and add in one instruction.
pub(super) fn count(words: usize, adders: bool) -> String {
    let mut text = format!("alias Products = array<u32, {words}u>;\nfn count(sum: u32, words: Products) -> u32 {{\n");
    let mut level: Vec<String> = (0..words).map(|k| format!("words[{k}]")).collect();
    let mut terms = Vec::new();
    if !adders {
        terms = level.drain(..).map(|word| format!("countOneBits({word})")).collect();
    }
    while !level.is_empty() {
        let weight = terms.len();
        let (sum, carries) = add_up(&mut text, weight, level);
        let shift = if weight > 0 { format!(" << {weight}u") } else { String::new() };
        terms.push(format!("(countOneBits({sum}){shift})"));
        level = carries;
    }
    text + "    return sum + " + &terms.join(" + ") + ";\n}\n"
}

/// Adds words of one weight bit by bit; returns the name of the sum and those of the carries.
fn add_up(text: &mut String, weight: usize, words: Vec<String>) -> (String, Vec<String>) {
    let mut words = words.into_iter();
    let (mut sum, mut carries) = (words.next().unwrap_or_default(), Vec::new());
    while let Some(b) = words.next() {
        let id = format!("{weight}_{}", carries.len());
        match words.next() {
            Some(c) => text.push_str(&format!(
                "    let differ_{id} = {sum} ^ {b};\n    let carry_{id} = (differ_{id} & {c}) | (~differ_{id} & {b});\n    let sum_{id} = differ_{id} ^ {c};\n"
            )),
            None => {
                text.push_str(&format!("    let carry_{id} = {sum} & {b};\n    let sum_{id} = {sum} ^ {b};\n"));
            }
        }
        sum = format!("sum_{id}");
        carries.push(format!("carry_{id}"));
    }
    (sum, carries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_are_left_to_count() {
        let counted = |words, adders| count(words, adders).matches("countOneBits").count();
        assert_eq!([1, 2, 3, 6, 7, 8, 12].map(|n| counted(n, true)), [1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(counted(6, false), 6);
    }
}
