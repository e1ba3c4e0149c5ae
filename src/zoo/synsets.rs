//! WordNet ids of ImageNet's classes, by which its folders are named.

/// The ids of the ILSVRC 2012 classes in order of the classes, which is alphabetical. The list is that of timm 1.0
/// (`timm/data/_info/imagenet_synsets.txt`, Apache-2.0).
const SYNSETS: &str = include_str!("imagenet_synsets.txt");

/// The class of ImageNet that a WordNet id names, such as 0 for "n01440764". Something may follow the id, as in
/// "n01440764_tench".
pub fn class_of_synset(name: &str) -> Option<usize> {
    let end = name.char_indices().skip(1).find(|(_, c)| !c.is_ascii_digit()).map_or(name.len(), |(at, _)| at);
    let (id, rest) = name.split_at(end);
    if rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    SYNSETS.lines().position(|line| line == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_are_in_order() {
        let ids: Vec<&str> = SYNSETS.lines().collect();
        assert_eq!(ids.len(), 1000);
        assert_eq!(ids.iter().filter(|id| id.len() == 9 && id.starts_with('n')).count(), 1000);
        assert!(ids.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn ids_name_classes() {
        // Tench, tabby and toilet tissue are classes 0, 281 and 999 of every list of ImageNet's labels.
        let found = ["n01440764", "n02123045", "n15075141", "n02123045_tabby", "n02123045 tabby"].map(class_of_synset);
        assert_eq!(found, [Some(0), Some(281), Some(999), Some(281), Some(281)]);
        let none = ["n00000000", "tench", "", "n", "n0144076", "n01440764x", "é"].map(class_of_synset);
        assert_eq!(none, [None; 7]);
    }
}
