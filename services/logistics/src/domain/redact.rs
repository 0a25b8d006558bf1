//! What of a source's words may be kept and shown: carriers write couriers' and recipients' numbers into their remarks.

/// Runs of so many digits, separators between them not counted, are numbers of people: telephones, identity cards.
const NUMBER: usize = 7;

/// Masks telephone and identity numbers, but for their last two digits, and the local part of e-mail addresses.
pub fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        match word.split_once('@') {
            Some((local, domain)) if !local.is_empty() && domain.contains('.') => {
                shown.push_str("***@");
                shown.push_str(domain);
            }
            _ => shown.push_str(word),
        }
    }
    mask_numbers(&shown)
}

fn mask_numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        if !chars[at].is_ascii_digit() {
            shown.push(chars[at]);
            at += 1;
            continue;
        }
        let end = run_end(&chars, at);
        let digits = chars[at..end].iter().filter(|c| c.is_ascii_digit()).count();
        let mut left = digits;
        for &c in &chars[at..end] {
            let hidden = c.is_ascii_digit() && digits >= NUMBER && left > 2;
            left -= usize::from(c.is_ascii_digit());
            shown.push(if hidden { '*' } else { c });
        }
        at = end;
    }
    shown
}

/// Where a run of digits ends; one space or hyphen between digits does not end it.
fn run_end(chars: &[char], start: usize) -> usize {
    let mut end = start;
    loop {
        while end < chars.len() && chars[end].is_ascii_digit() {
            end += 1;
        }
        let joined = matches!(chars.get(end), Some(' ' | '-')) && chars.get(end + 1).is_some_and(char::is_ascii_digit);
        if !joined {
            return end;
        }
        end += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_and_addresses_are_masked() {
        assert_eq!(redact("派件员 13800138000 已签收"), "派件员 *********00 已签收");
        assert_eq!(redact("call +55 11 98765-4321 now"), "call +** ** *****-**21 now");
        assert_eq!(redact("left with ana.b@example.com at 12"), "left with ***@example.com at 12");
        assert_eq!(redact("departed node 1234, gate 7"), "departed node 1234, gate 7");
        assert_eq!(redact(""), "");
    }
}
