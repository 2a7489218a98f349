//! Which columns' values are not for a ruleset: names, addresses and numbers of people.

/// Words in the name of a column about people. What stands there may be few values, and is nobody else's business.
const PEOPLE: [&str; 40] = [
    "account",
    "addr",
    "address",
    "assignee",
    "author",
    "birth",
    "birthday",
    "card",
    "clerk",
    "contact",
    "dob",
    "doctor",
    "email",
    "employee",
    "fax",
    "firstname",
    "fullname",
    "iban",
    "ip",
    "lastname",
    "mail",
    "manager",
    "mobile",
    "name",
    "nickname",
    "owner",
    "passport",
    "password",
    "patient",
    "person",
    "phone",
    "recipient",
    "rrn",
    "secret",
    "ssn",
    "street",
    "surname",
    "tel",
    "telephone",
    "username",
];

/// Words of columns that sort things, whatever else their names hold: `product_category_name`.
const SORTING: [&str; 22] = [
    "brand",
    "category",
    "channel",
    "city",
    "class",
    "color",
    "colour",
    "country",
    "currency",
    "department",
    "device",
    "gender",
    "grade",
    "kind",
    "level",
    "method",
    "region",
    "segment",
    "size",
    "state",
    "status",
    "type",
];

/// The same in Korean and Japanese, where words are not set apart.
const PEOPLE_ABROAD: [&str; 15] = [
    "이름",
    "성명",
    "전화",
    "휴대",
    "연락처",
    "주소",
    "이메일",
    "생년",
    "주민",
    "계좌",
    "氏名",
    "名前",
    "住所",
    "電話",
    "生年",
];

/// Words of columns that tell one thing from another.
const IDENTIFYING: [&str; 8] = ["guid", "hash", "id", "ids", "key", "no", "uid", "uuid"];

/// Words of dates that are to come.
const FUTURE: [&str; 14] = [
    "deadline",
    "due",
    "end",
    "ends",
    "estimated",
    "expected",
    "expires",
    "expiry",
    "limit",
    "next",
    "planned",
    "scheduled",
    "until",
    "valid",
];

/// Whether a column's name says that its dates may lie ahead.
pub(super) fn names_future(column: &str) -> bool {
    words(column).iter().any(|word| FUTURE.contains(&word.as_str()))
}

/// Whether a column's name says that it is about people.
pub(super) fn names_people(column: &str) -> bool {
    let words = words(column);
    let has = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    (has(&PEOPLE) && !has(&SORTING)) || PEOPLE_ABROAD.iter().any(|word| column.contains(word))
}

/// Whether a column's name says that it identifies.
pub(super) fn names_identifier(column: &str) -> bool {
    words(column).last().is_some_and(|word| IDENTIFYING.contains(&word.as_str()))
}

/// Whether most values look like names of people: two or three words with a capital each. Columns that say that they sort
/// things are believed.
pub(super) fn look_like_people(column: &str, values: &[(&str, u64)]) -> bool {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().is_some_and(char::is_uppercase)
            && letters.all(|c| c.is_alphabetic() || matches!(c, '.' | '\'' | '\u{2019}' | '-'))
            && word.chars().any(char::is_lowercase)
    };
    let person = |value: &&str| {
        let parts: Vec<&str> = value.split_whitespace().collect();
        (2..=3).contains(&parts.len()) && parts.into_iter().all(capital)
    };
    let sorting = words(column).iter().any(|word| SORTING.contains(&word.as_str()));
    let written: Vec<&str> = values.iter().map(|(value, _)| *value).filter(|value| !value.trim().is_empty()).collect();
    !sorting && written.iter().filter(|value| person(value)).count() * 2 > written.len()
}

/// The words of `customerId`, `customer_id` and `Customer ID`, in lower case.
fn words(column: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in column.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_from_things() {
        for column in ["name", "customer_name", "ContactName", "E-mail", "phone_2", "고객이름", "shipAddress", "IP"]
        {
            assert!(names_people(column), "{column}");
        }
        for column in ["product_category_name", "status", "Country", "amount", "tip", "device_type"] {
            assert!(!names_people(column), "{column}");
        }
        assert!(names_identifier("CustomerID") && names_identifier("order_id") && !names_identifier("paid"));
        assert!(look_like_people("assigned", &[("Min Kim", 3), ("Anne-Marie O'neil", 1)]));
        assert!(!look_like_people("assigned", &[("Min Kim", 3), ("in transit", 1)]));
        assert!(!look_like_people("product_type", &[("Home Audio", 3)]));
        assert!(!look_like_people("assigned", &[]));
    }
}
