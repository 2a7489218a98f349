//! The shop's quarterly surveys: workbooks as people make them.

use std::path::Path;

use lakegate_contract::{Error, Result};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::random::Random;
use crate::words::{AGE_BANDS, CHANNELS, PHRASES, TOP_CATEGORIES};
use crate::{Options, Progress, Sizes, unwritable};

/// Quarters and their first days.
const QUARTERS: [(&str, u16, u8); 4] =
    [("2025Q2", 2025, 4), ("2025Q3", 2025, 7), ("2025Q4", 2025, 10), ("2026Q1", 2026, 1)];
/// First row of answers, from 0: three notes and two header rows stand above.
const FIRST_ANSWER: u32 = 5;

/// Makes the workbooks anew.
pub(crate) fn generate(
    folder: &Path,
    sizes: &Sizes,
    options: &Options,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|e| unwritable(&e, folder))?;
    }
    std::fs::create_dir_all(folder).map_err(|e| unwritable(&e, folder))?;
    let all = sizes.answers_a_quarter * QUARTERS.len() as u64;
    for (number, (quarter, year, month)) in (1u64..).zip(QUARTERS) {
        let path = folder.join(format!("설문_{quarter}.xlsx"));
        let mut random = Random::new(options.seed, 100 + number);
        write_workbook(&path, &mut random, year, month, sizes.answers_a_quarter, options).map_err(|e| {
            Error::unavailable("the sample's workbook cannot be written").at(path.display().to_string()).caused_by(e)
        })?;
        progress(Progress { part: "surveys", done: number * sizes.answers_a_quarter, all });
    }
    Ok(())
}

fn write_workbook(
    path: &Path,
    random: &mut Random,
    year: u16,
    month: u8,
    answers: u64,
    options: &Options,
) -> std::result::Result<(), XlsxError> {
    let mut workbook = Workbook::new();
    // A fixed date: the same options make the same bytes.
    let made = ExcelDateTime::from_ymd(year, month, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let hidden = workbook.add_worksheet();
    hidden.set_name("코드표")?.set_hidden(true).write_string(0, 0, "숨은 시트")?;
    let sheet = workbook.add_worksheet();
    sheet.set_name("응답")?.set_active(true);
    write_head(sheet)?;
    for number in 0..u32::try_from(answers).unwrap_or(u32::MAX) {
        write_answer(sheet, FIRST_ANSWER + number, random, year, month, options)?;
    }
    workbook.save(path)
}

fn write_head(sheet: &mut Worksheet) -> std::result::Result<(), XlsxError> {
    let plain = Format::new();
    for (row, note) in
        (0u32..).zip(["고객 설문 결과", "작성: 마케팅팀 / 익명 응답", "주의: 유입 경로와 구매 카테고리는 복수 선택"])
    {
        sheet.write_string(row, 0, note)?;
    }
    for (column, name) in [
        (0, "타임스탬프"),
        (1, "연령대"),
        (2, "성별"),
        (3, "유입 경로\n(복수 선택)"),
        (4, "구매 카테고리(복수)"),
        (8, "의견"),
    ] {
        sheet.merge_range(3, column, 4, column, name, &plain)?;
    }
    sheet.merge_range(3, 5, 3, 7, "만족도", &plain)?;
    for (column, name) in [(5, "가격"), (6, "배송"), (7, "품질")] {
        sheet.write_string(4, column, name)?;
    }
    Ok(())
}

fn write_answer(
    sheet: &mut Worksheet,
    row: u32,
    random: &mut Random,
    year: u16,
    month: u8,
    options: &Options,
) -> std::result::Result<(), XlsxError> {
    let part = |random: &mut Random, bound| u8::try_from(random.below(bound)).unwrap_or(0);
    let day = ExcelDateTime::from_ymd(year, month + part(random, 3), 1 + part(random, 28))?;
    let (hour, minute) = (u16::from(part(random, 24)), part(random, 60));
    sheet.write_datetime_with_format(
        row,
        0,
        &day.and_hms(hour, minute, f64::from(part(random, 60)))?,
        &Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
    )?;
    let band = match random.below(400) {
        0 => "20데",
        1 => "",
        _ => AGE_BANDS.get(random.weighted(&[8, 27, 28, 20, 11, 6])).copied().unwrap_or_default(),
    };
    if !band.is_empty() {
        sheet.write_string(row, 1, band)?;
    }
    sheet.write_string(row, 2, random.pick(&["여성", "여성", "남성", "응답 안 함"]))?;
    sheet.write_string(row, 3, several(random, &CHANNELS))?;
    sheet.write_string(row, 4, several(random, &TOP_CATEGORIES))?;
    for column in 5..8 {
        match random.below(1000) {
            0 => sheet.write_number(row, column, 9)?,
            1 => sheet.write_string(row, column, "매우 만족")?,
            2..5 => continue,
            _ => sheet.write_number(
                row,
                column,
                1 + u32::try_from(random.weighted(&[5, 10, 25, 35, 25])).unwrap_or(0),
            )?,
        };
    }
    if random.chance(2, 5) {
        let mark = options.canary.as_deref().unwrap_or_default();
        sheet.write_string(row, 8, format!("{} {}{mark}", random.pick(&PHRASES), random.pick(&PHRASES)))?;
    }
    Ok(())
}

/// One to all of the words, joined as forms join them.
fn several(random: &mut Random, words: &[&str]) -> String {
    let first = random.pick(words);
    let chosen: Vec<&str> = words.iter().copied().filter(|word| *word == first || random.chance(1, 5)).collect();
    chosen.join(", ")
}
