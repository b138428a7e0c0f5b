use std::io::{Cursor, Write};

use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook, Worksheet};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::{MAX_CELL_CHARACTERS, MAX_DEPTH, MAX_NAME_CHARACTERS, Tree};

const RIGHT_1: &[u8] = include_bytes!("../../tests/data/tree_xlsx/right_tree1.xlsx");
const RIGHT_2: &[u8] = include_bytes!("../../tests/data/tree_xlsx/right_tree2.xlsx");
const WRONG_1: &[u8] = include_bytes!("../../tests/data/tree_xlsx/wrong_tree1.xlsx");
const WRONG_2: &[u8] = include_bytes!("../../tests/data/tree_xlsx/wrong_tree2.xlsx");

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("the fixture is JSON")
}

#[test]
fn the_fixtures_are_read_to_the_letter() {
    for (workbook, expected) in [
        (
            RIGHT_1,
            include_str!("../../tests/data/tree_xlsx/right_tree1.json"),
        ),
        (
            RIGHT_2,
            include_str!("../../tests/data/tree_xlsx/right_tree2.json"),
        ),
    ] {
        let read = read_workbook(workbook).expect("valid");
        assert_eq!(read.content.to_string(), json_of(expected).to_string());
        assert!(Tree::parse(&read.content).is_ok());
    }
}

#[test]
fn the_wrong_fixtures_are_refused_with_what_to_do() {
    assert_eq!(
        read_workbook(WRONG_1).expect_err("refused").to_string(),
        "sheet diag, cell D11: check item \"check_item1\" has two names: \"检测项1\" in D6 and \"检测项3\" here; give it one"
    );
    assert_eq!(
        read_workbook(WRONG_2).expect_err("refused").to_string(),
        "the workbook has no sheet \"diag\"; it has \"Sheet1\"; a tree stands on the sheet of that name"
    );
}

/// A workbook with root, header and what `fill` writes.
fn workbook(levels: u16, fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    sheet.set_name("diag").expect("a name");
    sheet.write_string(0, 0, "root").expect("written");
    for level in 0..levels {
        sheet
            .write_string(1, level, format!("Level {}", level + 1))
            .expect("written");
    }
    for (column, title) in (levels..).zip(BOOKKEEPING) {
        sheet.write_string(1, column, title).expect("written");
    }
    fill(sheet);
    workbook.save_to_buffer().expect("a workbook")
}

/// A workbook of three levels with these rows, from row 3 on.
fn outline(rows: &[(u16, &str)]) -> Vec<u8> {
    workbook(3, |sheet| {
        for (row, (column, text)) in (2..).zip(rows) {
            sheet.write_string(row, *column, *text).expect("written");
        }
    })
}

fn refusal(bytes: &[u8]) -> String {
    match read_workbook(bytes) {
        Err(error) => error.to_string(),
        Ok(read) => {
            let error = Tree::parse(&read.content).expect_err("refused");
            read.at_cell(&error).to_string()
        }
    }
}

#[test]
fn notes_and_defaults_are_read() {
    let bytes = outline(&[
        (0, "description: why"),
        (0, "disks"),
        (1, "for each: device"),
        (1, "combine: all"),
        (1, "+owner: {\"team\": \"a\"}"),
        (1, "advice:  look at it "),
        (1, "busy | disk_busy"),
        (2, "+note: \"x\""),
        (1, "slow|disk_slow"),
        (0, "memory"),
        (1, "full | memory_full"),
    ]);
    let read = read_workbook(&bytes).expect("valid");
    assert_eq!(
        read.content.to_string(),
        json!({
            "node name": "root", "value": null, "condition": "disks || memory", "description": "why", "advice": "",
            "children": [
                {
                    "node name": "disks", "value": null, "condition": "busy && slow", "description": "",
                    "advice": "look at it", "for each": "device", "combine": "all", "owner": {"team": "a"},
                    "children": [
                        {"node name": "busy", "value": null, "check item": "disk_busy", "msg": "", "note": "x"},
                        {"node name": "slow", "value": null, "check item": "disk_slow", "msg": ""}
                    ]
                },
                {
                    "node name": "memory", "value": null, "condition": "full", "description": "", "advice": "",
                    "children": [{"node name": "full", "value": null, "check item": "memory_full", "msg": ""}]
                }
            ]
        })
        .to_string()
    );
    let path = ["root", "disks", "slow"].map(str::to_owned);
    assert_eq!(read.cell(&path), Some("B11"));
}

#[test]
fn rows_that_are_wrong_are_refused_with_their_cell() {
    for (rows, cell, part) in [
        (vec![(1, "x")], "B3", "the deepest here"),
        (
            vec![(0, "a"), (2, "x | y")],
            "C4",
            "the row is out of order: it stands at level 3",
        ),
        (
            vec![(0, "a"), (1, "b"), (2, "x | y"), (0, "c"), (2, "z | w")],
            "C7",
            "\"c\" in A6, so level 2",
        ),
        (
            vec![(0, "a | b"), (1, "c | d")],
            "B4",
            "\"a\" in A3 is a leaf, which has no children",
        ),
        (
            vec![(0, "a"), (1, "condition: b"), (2, "b | c")],
            "C5",
            "out of order",
        ),
        (
            vec![(0, "a"), (1, "b | c"), (0, "a")],
            "A5",
            "a sibling has the same name, \"a\", in A3",
        ),
        (
            vec![(0, "a"), (1, "x | y"), (0, "b"), (1, "root"), (2, "x | y")],
            "B6",
            "cannot be part of itself",
        ),
        (
            vec![(0, "a"), (0, "b"), (1, "x | y")],
            "A3",
            "nothing stands below it",
        ),
        (vec![], "A1", "nothing stands below it"),
        (
            vec![(0, "a | b"), (0, "c"), (1, "x | y")],
            "A1",
            "has both leaves and branches",
        ),
        (vec![(0, "a || b")], "A3", "more than one \"|\""),
        (
            vec![(0, "condition:"), (0, "a | b")],
            "A3",
            "root: the condition is empty",
        ),
        (
            vec![(0, "condition: c"), (0, "a | b")],
            "A3",
            "root: condition names \"c\"",
        ),
        (
            vec![(0, "condition: a"), (0, "condition: b")],
            "A4",
            "has a note \"condition\" already, in A3",
        ),
        (
            vec![(0, "a | b"), (1, "advice: x")],
            "B4",
            "is a leaf, which has no advice",
        ),
        (vec![(0, "+msg: 1"), (0, "a | b")], "A3", "\"msg\" has one"),
        (vec![(0, "+owner: team a"), (0, "a | b")], "A3", "is not JSON"),
        (
            vec![(0, "a"), (1, "x | y"), (0, "b"), (1, "x | z")],
            "B6",
            "\"x\" stands for two check items: \"y\" in B4 and \"z\" here",
        ),
        (
            vec![(0, "a | ")],
            "A3",
            "root / a: \"check item\" must have 1 to 128 characters",
        ),
        (vec![(0, "a"), (1, "x! | y")], "B4", "contains \"!\""),
        (
            vec![(0, "a"), (1, "combine: all"), (1, "x | y")],
            "A3",
            "without \"for each\"",
        ),
    ] {
        let text = refusal(&outline(&rows));
        assert!(
            text.starts_with(&format!("sheet diag, cell {cell}: ")),
            "{rows:?}: {text}"
        );
        assert!(text.contains(part), "{rows:?}: {text}");
    }
}

#[test]
fn cells_that_are_no_text_are_refused_with_their_cell() {
    type Fill = fn(&mut Worksheet);
    let cases: [(Fill, &str, &str); 9] = [
        (|sheet| drop(sheet.write_number(3, 1, 7)), "B4", "the number 7"),
        (
            |sheet| drop(sheet.write_boolean(3, 1, true)),
            "B4",
            "the value true",
        ),
        (
            |sheet| drop(sheet.write_formula(3, 1, Formula::new("=B4").set_result("x | y"))),
            "B4",
            "a formula",
        ),
        (
            |sheet| {
                let date = ExcelDateTime::from_ymd(2026, 11, 21).expect("a date");
                let format = Format::new().set_num_format("yyyy-mm-dd");
                drop(sheet.write_datetime_with_format(3, 1, &date, &format));
            },
            "B4",
            "a date",
        ),
        (
            |sheet| drop(sheet.write_string(2, 1, "second")),
            "B3",
            "has a cell already, A3",
        ),
        (
            |sheet| drop(sheet.write_string(2, 10, "far")),
            "K3",
            "beyond the last column",
        ),
        (
            |sheet| drop(sheet.write_string(0, 3, "x")),
            "D1",
            "the root in A1 and nothing else",
        ),
        (|sheet| drop(sheet.write_number(0, 0, 1)), "A1", "the number 1"),
        (
            |sheet| drop(sheet.write_string(1, 4, "Level 5")),
            "E2",
            "one of the last seven columns",
        ),
    ];
    for (fill, cell, part) in cases {
        let bytes = workbook(3, |sheet| {
            sheet.write_string(2, 0, "a").expect("written");
            fill(sheet);
        });
        let text = refusal(&bytes);
        assert!(text.starts_with(&format!("sheet diag, cell {cell}: ")), "{text}");
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn what_bookkeeping_columns_hold_does_not_count() {
    let bytes = workbook(3, |sheet| {
        sheet.write_string(2, 0, "a | b").expect("written");
        sheet.write_number(2, 5, 80).expect("written");
        sheet.write_formula(2, 9, "=A1").expect("written");
    });
    assert!(read_workbook(&bytes).is_ok());
}

#[test]
fn a_header_is_needed() {
    assert!(refusal(&workbook(0, |_| ())).starts_with("sheet diag, cell G2: row 2 must be a header"));
    let deep = u16::try_from(MAX_DEPTH + 1).expect("small");
    assert!(refusal(&workbook(deep, |_| ())).contains("61 level columns"));
    let mut empty = Workbook::new();
    empty.add_worksheet().set_name("diag").expect("a name");
    assert!(refusal(&empty.save_to_buffer().expect("a workbook")).starts_with("sheet diag, cell A2: "));
}

#[test]
fn a_workbook_without_the_sheet_says_which_there_are() {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("Diag").expect("a name");
    let bytes = workbook.save_to_buffer().expect("a workbook");
    assert_eq!(
        refusal(&bytes),
        "the workbook has no sheet \"diag\"; it has \"Diag\"; a tree stands on the sheet of that name"
    );
}

/// The files of a workbook, with some changed.
fn repacked(bytes: &[u8], change: impl Fn(&str, String) -> String) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("a file");
        let text = std::io::read_to_string(&mut file).expect("text");
        let name = file.name().expect("a name").into_owned();
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .expect("begun");
        writer.write_all(change(&name, text).as_bytes()).expect("written");
    }
    writer.finish().expect("finished").into_inner()
}

#[test]
fn a_bomb_is_refused_before_it_is_parsed() {
    let bytes = outline(&[(0, "a | b")]);
    let large = "x".repeat(70 * 1024 * 1024);
    let bomb = repacked(&bytes, |name, text| match name {
        "xl/sharedStrings.xml" => text.replace("root", &large),
        _ => text,
    });
    assert!(bomb.len() < 1024 * 1024, "{} bytes", bomb.len());
    let text = refusal(&bomb);
    assert!(
        text.contains("unpacked it is larger than 67108864 bytes"),
        "{text}"
    );

    let announced = repacked(&bytes, |_, text| {
        text.replace("uniqueCount=\"", "uniqueCount=\"99999999999")
    });
    assert!(refusal(&announced).contains("it is damaged: it announces"));

    let mut many = ZipWriter::new(Cursor::new(Vec::new()));
    for number in 0..2_000 {
        many.start_file(format!("{number}"), SimpleFileOptions::default())
            .expect("begun");
    }
    let many = many.finish().expect("finished").into_inner();
    assert!(refusal(&many).contains("it packs 2000 files, not at most 1000"));
    assert!(refusal(&vec![b'P'; MAX_WORKBOOK_BYTES + 1]).contains("bytes, not at most"));
}

/// A short file may refer to a long text from many cells.
#[test]
fn a_text_that_many_cells_share_counts_for_each() {
    let sharing = |length: usize, cells: u32| {
        let bytes = workbook(3, |sheet| {
            for row in 2..2 + cells {
                sheet.write_string(row, 0, "shared").expect("written");
            }
        });
        repacked(&bytes, |name, text| match name {
            "xl/sharedStrings.xml" => text.replace("shared", &"x".repeat(length)),
            _ => text,
        })
    };
    let text = refusal(&sharing(MAX_CELL_CHARACTERS + 1, 1));
    assert!(
        text.starts_with("sheet diag, cell A3: the text of the cell has more than 32767 characters"),
        "{text}"
    );
    let bomb = sharing(MAX_CELL_CHARACTERS, 600);
    assert!(bomb.len() < 64 * 1024, "{} bytes", bomb.len());
    let text = refusal(&bomb);
    assert!(
        text.starts_with("sheet diag, cell A515: up to this cell the texts"),
        "{text}"
    );
    let blanks = repacked(&sharing(10, 600), |name, text| match name {
        "xl/sharedStrings.xml" => text.replace(
            "<t>xxxxxxxxxx",
            &format!("<t xml:space=\"preserve\">{}", " ".repeat(MAX_CELL_CHARACTERS)),
        ),
        _ => text,
    });
    assert!(refusal(&blanks).contains("cell A515"), "{}", refusal(&blanks));
}

#[test]
fn names_and_nodes_have_limits_with_their_cell() {
    let long = "名".repeat(MAX_NAME_CHARACTERS + 1);
    assert_eq!(
        refusal(&outline(&[(0, "a"), (1, &long)])),
        "sheet diag, cell B4: the name has 129 characters; it must have 1 to 128"
    );
    assert!(refusal(&outline(&[(0, "| x")])).starts_with("sheet diag, cell A3: the name has 0 characters"));
    let many = workbook(3, |sheet| {
        for row in 2..60_002 {
            sheet
                .write_string(row, 0, format!("n{row} | c{row}"))
                .expect("written");
        }
    });
    assert_eq!(
        refusal(&many),
        "sheet diag, cell A10002: a tree may have 10000 nodes at most; this one is one too many"
    );
}

#[test]
fn what_does_not_fit_is_told_by_its_node() {
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
    let inner = |advice: &str, key: &str| {
        let mut inner = json!({
            "node name": "inner", "value": null, "condition": "b", "advice": advice, "children": [leaf("b")]
        });
        inner[key] = json!(1);
        json!({ "node name": "root", "value": null, "condition": "a || inner", "children": [leaf("a"), inner] })
    };
    for content in [inner(&"x".repeat(MAX_CELL_CHARACTERS), "more"), inner("", "a:b")] {
        let refusal = write_workbook(&content).expect_err("refused").to_string();
        assert!(refusal.starts_with("root / inner: "), "{refusal}");
    }
}

#[test]
fn a_cell_far_away_takes_no_room() {
    let bytes = workbook(3, |sheet| {
        sheet.write_string(2, 0, "a | b").expect("written");
        sheet.write_string(1_048_575, 16_383, "far").expect("written");
    });
    assert!(refusal(&bytes).starts_with("sheet diag, cell XFD1048576: the cell lies beyond"));
}

#[test]
fn what_is_no_workbook_is_told() {
    for bytes in [&b""[..], b"{}", b"PK\x03\x04", &RIGHT_1[..RIGHT_1.len() / 2]] {
        assert!(refusal(bytes).starts_with("the workbook cannot be read: "));
    }
    assert!(refusal(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1").contains("protected by a password, or an xls file"));
    let broken = repacked(RIGHT_1, |name, text| match name {
        "xl/worksheets/sheet1.xml" => text[..text.len() / 2].to_owned(),
        _ => text,
    });
    assert!(refusal(&broken).contains("it is damaged"), "{}", refusal(&broken));
}

#[test]
fn a_tree_goes_there_and_back() {
    for text in [
        include_str!("../../tests/data/tree_example.json"),
        include_str!("../../tests/data/tree_xlsx/right_tree2.json"),
    ] {
        let content = json_of(text);
        let written = write_workbook(&content).expect("it fits");
        let read = read_workbook(&written.bytes).expect("valid");
        assert_eq!(
            Tree::parse(&read.content).expect("valid").check_items(),
            Tree::parse(&content).expect("valid").check_items()
        );
        assert_eq!(
            written,
            write_workbook(&content).expect("it fits"),
            "same tree, same bytes"
        );
        let again = write_workbook(&read.content).expect("it fits");
        assert_eq!((again.bytes, again.remarks), (written.bytes, vec![]));
    }
}

#[test]
fn what_a_workbook_cannot_hold_is_told_or_refused() {
    let leaf = |name: &str, item: &str| json!({ "node name": name, "value": null, "check item": item });
    let tree = |condition: &str, children: Value| json!({ "node name": "root", "value": null, "condition": condition, "children": children });
    let mut diagnosed = tree("a", json!([leaf("a", "i")]));
    diagnosed["value"] = json!(true);
    let remarks = write_workbook(&diagnosed).expect("it fits").remarks;
    assert!(
        remarks[0].starts_with("the tree is diagnosed: value and msg of 1 nodes"),
        "{remarks:?}"
    );
    assert!(remarks[1].starts_with("the order of the keys"), "{remarks:?}");

    let mut odd = tree("a", json!([leaf("a", "i")]));
    odd["note"] = json!("x".repeat(40_000));
    let inner = json!({ "node name": "root", "value": null, "condition": "b", "children": [leaf("b", "i")] });
    for (content, part) in [
        (
            tree("x|y", json!([leaf("x|y", "i")])),
            "root / x|y: in a workbook \"|\" cannot be part of a name",
        ),
        (
            tree("advice: x", json!([leaf("advice: x", "i")])),
            "would be read as a note",
        ),
        (
            tree("a||b", json!([leaf("a", "i"), leaf("b", "i")])),
            "\"i\" is called \"a\" elsewhere",
        ),
        (
            tree("root", json!([inner])),
            "cannot have the name of one above it",
        ),
        (tree("b", json!([])), "\"children\" is empty"),
        (odd, "root: in a workbook a cell holds 32767 characters at most"),
    ] {
        let error = write_workbook(&content).expect_err("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zé名 =+'\"<&:]{0,12}",
        any::<String>().prop_map(|text| text.chars().take(20).collect()),
        Just("_x000D_ \t two\nlines".to_owned()),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
        prop::collection::vec(text(), 0..3).prop_map(Value::from),
        Just(json!({ "b": null, "a": 1.5 })),
    ]
}

proptest! {
    /// Whatever texts and keys a tree has: it goes there and back, or it is refused.
    #[test]
    fn nothing_is_lost_in_silence(
        names in prop::collection::btree_set("[a-zé名 =+'\"<&:]{1,8}", 2..5), description in text(), advice in text(),
        keys in prop::collection::vec((text(), any_json()), 0..3), label in prop::option::of("[a-z]{1,5}"),
    ) {
        let names: Vec<String> = names.into_iter().map(|name| name.trim().to_owned()).collect();
        let (first, others) = names.split_first().expect("not empty");
        let leaf = |name: &String| {
            let mut leaf = json!({ "node name": name, "value": null, "check item": format!("rule {name}"), "msg": "" });
            for (key, value) in &keys {
                leaf[key] = value.clone();
            }
            leaf
        };
        let mut content = json!({
            "node name": first, "value": null, "condition": others.join(" || "), "description": description,
            "advice": advice, "children": others.iter().map(leaf).collect::<Vec<Value>>()
        });
        if let Some(label) = label {
            content["for each"] = json!(label);
        }
        if let Ok(written) = write_workbook(&content) {
            let read = read_workbook(&written.bytes).expect("it was read already").content;
            let trimmed = |key: &str| content[key].as_str().map(str::trim);
            prop_assert_eq!(&read["children"], &content["children"]);
            prop_assert_eq!(read["description"].as_str(), trimmed("description"));
            prop_assert_eq!(read["advice"].as_str(), trimmed("advice"));
            prop_assert_eq!(read.get("for each"), content.get("for each"));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(read_workbook(&bytes).is_err());
    }

    /// A workbook with some bytes changed is read or refused; it is not a reason to stop.
    #[test]
    fn damaged_workbooks_are_read_or_refused(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), inside in any::<bool>(),
    ) {
        let damage = |bytes: &mut Vec<u8>| {
            for (place, byte) in &places {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
        };
        let mut bytes = RIGHT_2.to_vec();
        if inside {
            bytes = repacked(&bytes, |_, text| {
                let mut text = text.into_bytes();
                damage(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            });
        } else {
            damage(&mut bytes);
        }
        if let Ok(read) = read_workbook(&bytes) {
            let _ = Tree::read(&read.content);
        }
    }
}
