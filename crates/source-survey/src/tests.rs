//! Workbooks through the whole source.

use std::path::Path;
use std::sync::Arc;

use lakegate_contract::{Class, Contract, Error};
use lakegate_pipeline::testing::{Everything, check_source};
use lakegate_pipeline::{Scope, Source, SourceEnvironment};
use rust_xlsxwriter::{Format, Workbook};
use zip::write::SimpleFileOptions;

use crate::{SurveyConfig, SurveySource};

const CONTRACT: &str = r#"columns = [
  { name = "quarter", source = "$quarter", type = "string" },
  { name = "respondent", source = "$row", type = "int" },
  { name = "age_band", source = ["연령대", "나이"], type = "string" },
  { name = "channel", source = "유입 경로(복수 선택)", type = "string" },
  { name = "price", source = "만족도/가격", type = "tinyint" },
  { name = "delivery", source = "만족도/배송", type = "tinyint" },
  { name = "comment", source = "의견", type = "string", treatment = "drop" },
]"#;
const CONFIG: &str = "kind = \"survey\"\nfiles = \"*.xlsx\"\nsheet = \"응답\"\nheader_rows = [2, 3]\nquarter_from_name = true\n\
    [explode]\ncolumn = \"유입 경로(복수 선택)\"\n";

fn write(path: &Path) {
    let mut workbook = Workbook::new();
    workbook.add_worksheet().set_name("표지").unwrap();
    let sheet = workbook.add_worksheet();
    sheet.set_name("응답").unwrap();
    let plain = Format::new();
    sheet.write_string(0, 0, "2026년 1분기 설문").unwrap();
    sheet.merge_range(1, 0, 2, 0, "연령대", &plain).unwrap();
    sheet.merge_range(1, 1, 2, 1, "유입 경로(복수\n 선택)", &plain).unwrap();
    sheet.merge_range(1, 2, 1, 3, "만족도", &plain).unwrap();
    sheet.write_string(2, 2, "가격").unwrap().write_string(2, 3, "배송").unwrap();
    sheet.merge_range(1, 4, 2, 4, "의견", &plain).unwrap();
    sheet.merge_range(1, 5, 2, 5, "기타 문항", &plain).unwrap();
    sheet.write_string(3, 0, "20대").unwrap().write_string(3, 1, "검색, SNS").unwrap().write_number(3, 2, 4).unwrap();
    sheet.write_string(4, 0, "30대").unwrap().write_string(4, 2, "hunter2").unwrap();
    sheet.write_string(6, 0, "40대").unwrap().write_number(6, 3, 5).unwrap();
    workbook.save(path).unwrap();
}

fn source(folder: &Path, config: &str, contract: &str) -> Result<(Arc<SurveySource>, Arc<Contract>), Error> {
    let contract = Arc::new(Contract::parse(contract, "schemas/survey.toml").unwrap());
    let config: SurveyConfig = toml::from_str(config).unwrap();
    let environment = SourceEnvironment {
        inputs: lakegate_pipeline::Inputs::new(folder.to_path_buf(), None, Default::default()),
        project_root: folder.to_path_buf(),
        time_zone: chrono_tz::Asia::Seoul,
        connections: Default::default(),
        batch_rows: 100,
    };
    Ok((Arc::new(SurveySource::new(config, Arc::clone(&contract), environment)?), contract))
}

async fn read(folder: &Path, config: &str, contract: &str) -> Result<Everything, Error> {
    let (source, contract) = source(folder, config, contract)?;
    check_source(source, &contract).await
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("설문_2026Q1.xlsx"));
    folder
}

#[tokio::test]
async fn notes_merged_headers_several_answers_and_bad_cells() {
    let folder = folder();
    let read = read(folder.path(), CONFIG, CONTRACT).await.unwrap();
    assert_eq!(read.rows, ["2026-Q1|4|20대|SNS|4|NULL", "2026-Q1|4|20대|검색|4|NULL", "2026-Q1|7|40대|NULL|NULL|5",]);
    assert_eq!(
        read.rejected,
        ["설문_2026Q1.xlsx 5..6: cell C5: column price: text that is no whole number where tinyint was expected"]
    );
    let (source, _) = source(folder.path(), CONFIG, CONTRACT).unwrap();
    assert_eq!(source.plan(&Scope::ALL).await.unwrap().unread_columns, ["기타 문항"]);
}

/// A row of answers that is taken for the header's: what stands in it is told to nobody.
#[tokio::test]
async fn answers_in_the_place_of_headers_are_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut workbook = rust_xlsxwriter::Workbook::new();
    let sheet = workbook.add_worksheet();
    for (column, text) in (0u16..).zip(["kim@example.com", "010-1234-5678", "가격이 좋아요"]) {
        for row in 0..8 {
            sheet.write_string(row, column, text).unwrap();
        }
    }
    workbook.save(folder.path().join("설문_2026Q1.xlsx")).unwrap();
    let (source, _) = source(folder.path(), &CONFIG.replace("sheet = \"응답\"\n", ""), CONTRACT).unwrap();
    let error = source.plan(&Scope::ALL).await.unwrap_err();
    let shown = format!("{error} {:?}", error.advice());
    assert!(shown.contains("header_rows"), "{shown}");
    for answer in ["kim@example", "010-1234", "좋아요"] {
        assert!(!shown.contains(answer), "{shown}");
    }
}

#[tokio::test]
async fn a_bad_cell_may_become_null() {
    let folder = folder();
    let config = CONFIG.replace("[explode]", "on_bad_cell = \"null\"\n[explode]");
    let read = read(folder.path(), &config, CONTRACT).await.unwrap();
    assert!(read.rows.contains(&"2026-Q1|5|30대|NULL|NULL|NULL".to_owned()), "{read:?}");
}

#[tokio::test]
async fn a_grid_becomes_a_row_for_each_question() {
    let folder = folder();
    let config = CONFIG.split("[explode]").next().unwrap().to_owned()
        + "[unpivot]\ncolumns = [\"만족도/가격\", \"만족도/배송\"]\n";
    let contract = "columns = [{ name = \"r\", source = \"$row\", type = \"int\" }, { name = \"q\", source = \"$question\", type = \"string\" }, \
        { name = \"s\", source = \"$score\", type = \"string\" }]";
    let read = read(folder.path(), &config, contract).await.unwrap();
    assert!(read.rows.contains(&"7|만족도/배송|5".to_owned()) && read.rows.len() == 6, "{read:?}");
}

#[tokio::test]
async fn a_respondent_with_a_bad_answer_is_rejected_as_a_whole() {
    let folder = folder();
    let config = CONFIG.split("[explode]").next().unwrap().to_owned()
        + "[unpivot]\ncolumns = [\"만족도/배송\", \"만족도/가격\"]\n";
    let contract = "columns = [{ name = \"r\", source = \"$row\", type = \"int\" }, { name = \"q\", source = \"$question\", type = \"string\" }, \
        { name = \"s\", source = \"$score\", type = \"tinyint\" }]";
    let read = read(folder.path(), &config, contract).await.unwrap();
    assert_eq!((read.rows.len(), read.rejected.len()), (4, 1), "{read:?}");
    assert!(!read.rows.iter().any(|row| row.starts_with("5|")), "{read:?}");
}

#[tokio::test]
async fn what_is_missing_is_answered_with_what_there_is() {
    let folder = folder();
    let error = read(folder.path(), &CONFIG.replace("\"응답\"", "\"응답지\""), CONTRACT).await.unwrap_err();
    assert_eq!((error.class(), error.advice()), (Class::BadInput, Some("did you mean `응답`?")));
    let error = read(folder.path(), CONFIG, &CONTRACT.replace("만족도/배송", "만족도/배달")).await.unwrap_err();
    assert!(error.place().unwrap().starts_with("설문_2026Q1.xlsx!응답"), "{error}");
    assert!(error.advice().unwrap().contains("`만족도/배송`"), "{error:?}");
    std::fs::rename(folder.path().join("설문_2026Q1.xlsx"), folder.path().join("설문.xlsx")).unwrap();
    assert!(
        read(folder.path(), CONFIG, CONTRACT).await.unwrap_err().expectation().unwrap().contains("설문_2026Q1.xlsx")
    );
}

#[tokio::test]
async fn files_that_are_no_workbook_or_a_hostile_one_are_refused() {
    let whole = folder();
    let bytes = std::fs::read(whole.path().join("설문_2026Q1.xlsx")).unwrap();
    let bomb = zip_of("xl/worksheets/sheet1.xml", |out| {
        let zeros = vec![b' '; 1 << 20];
        (0..1100).for_each(|_| out.write_all(&zeros).unwrap());
    });
    let doctype = zip_of("xl/workbook.xml", |out| {
        out.write_all(b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"b\">]><x/>").unwrap()
    });
    for (content, word) in [
        (bytes[..bytes.len() / 2].to_vec(), "damaged"),
        (b"PK\x03\x04 no archive".to_vec(), "damaged"),
        (b"name,age\n1,2\n".to_vec(), "CSV"),
        (b"<html>".to_vec(), "web page"),
        (vec![0xD0, 0xCF, 0x11, 0xE0, 0, 0, 0, 0], "password"),
        (Vec::new(), "empty"),
        (bomb, "inflates"),
        (doctype, "document type"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("설문_2026Q1.xlsx"), content).unwrap();
        let error = read(folder.path(), CONFIG, CONTRACT).await.unwrap_err();
        assert_eq!(error.class(), Class::BadInput);
        assert!(error.found().contains(word), "{word}: {error}");
    }
}

fn zip_of(name: &str, write: impl FnOnce(&mut dyn std::io::Write)) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file(name, SimpleFileOptions::default()).unwrap();
    write(&mut archive);
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn workbooks_that_broke_a_reader_do_not_break_this_one() {
    let data = std::env::var("LAKEGATE_DATA")
        .unwrap_or_else(|_| std::env::var("CARGO_MANIFEST_DIR").unwrap() + "/../../../shared/data");
    let edge = Path::new(&data).join("edge/calamine");
    if !edge.exists() {
        eprintln!("skipped: there is no {} (LAKEGATE_DATA names the folder of real data)", edge.display());
        return;
    }
    let (mut judged, mut folders) = (0, vec![edge]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "xlsx") {
                continue;
            }
            let folder = tempfile::tempdir().unwrap();
            std::fs::copy(&path, folder.path().join("a.xlsx")).unwrap();
            let contract = "columns = [{ name = \"r\", source = \"$row\", type = \"int\" }]";
            if let Err(error) = read(folder.path(), "kind = \"survey\"\nfiles = \"*.xlsx\"\n", contract).await {
                assert_eq!(error.class(), Class::BadInput, "{}: {error}", path.display());
            }
            judged += 1;
        }
    }
    assert!(judged > 30, "{judged}");
}
