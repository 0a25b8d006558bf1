//! Records, good and cut.

use super::*;

fn start() -> Option<LineStart> {
    Some(LineStart { characters: "abc".into(), length: 2 })
}

/// `2:aa|x|y` for a record, `!2:reason` for a cut one.
fn read(text: &str) -> Vec<String> {
    let mut records = Records::new(text.as_bytes(), b',', start());
    let header = records.header().expect("memory can be read").expect("there is a header");
    assert!(header.is_ok());
    let mut seen = Vec::new();
    while let Some(record) = records.read().expect("memory can be read") {
        seen.push(match record {
            Ok(Record { line, fields }) => {
                let fields: Vec<_> = fields.iter().map(|field| String::from_utf8_lossy(field)).collect();
                format!("{line}:{}", fields.join("|"))
            }
            Err(Cut { line, reason, .. }) => format!("!{line}:{reason}"),
        });
    }
    seen
}

#[test]
fn fields_may_be_quoted_and_hold_what_separates() {
    let text = "k,v,w\r\naa,\"x, y\",\"say \"\"hi\"\"\"\r\nab,,\n\n\"ac\",5\" pipe,\"\"";
    assert_eq!(read(text), ["2:aa|x, y|say \"hi\"", "3:ab||", "5:ac|5\" pipe|"]);
}

#[test]
fn a_text_may_hold_line_breaks() {
    let text = "k,v,w\naa,\"one\r\n\ntwo\",1\nab,x,2\n";
    assert_eq!(read(text), ["2:aa|one\r\n\ntwo|1", "5:ab|x|2"]);
}

#[test]
fn a_line_with_too_few_or_too_many_fields_costs_itself() {
    let text = "k,v,w\naa,x\nab,x,1\nac,x,1,2\nba,x,3\n";
    let expected = [
        "!2:a cut line: 2 fields where the header has 3",
        "3:ab|x|1",
        "!4:a cut line: 4 fields where the header has 3",
        "5:ba|x|3",
    ];
    assert_eq!(read(text), expected);
}

#[test]
fn the_rest_of_a_cut_line_is_left_out_with_it() {
    let text = "k,v,w\naa,some te\nxt that goes on,1\nab,x,1\n";
    assert_eq!(read(text), ["!2:a cut line: 2 fields where the header has 3; left out up to line 3", "4:ab|x|1"]);
}

#[test]
fn quotes_that_do_not_close_cost_one_record_only() {
    let text = "k,v,w\naa,\"cut\nab,\"good\",1\nac,x,2\n";
    assert_eq!(read(text), ["!2:a cut line: something follows its closing quotes", "3:ab|good|1", "4:ac|x|2"]);
    let last = "k,v,w\naa,x,1\nab,\"cut\nac,x,2\n";
    assert_eq!(read(last), ["2:aa|x|1", "!3:a cut line: the file ends within its quotes", "4:ac|x|2"]);
}

#[test]
fn a_record_of_over_64_lines_is_a_cut_line() {
    let of = |lines: usize| format!("k,v,w\naa,\"{}\",1\nab,x,2\n", vec!["text"; lines].join("\n"));
    assert_eq!(read(&of(64)).len(), 2);
    assert_eq!(read(&of(64))[1], "66:ab|x|2");
    let cut = read(&of(65));
    assert_eq!(cut, ["!2:a cut line: its quotes do not close in 64 lines; left out up to line 66", "67:ab|x|2"]);
}
