//! Paging and sorting of the documented lists: `page`, `per_page`, `sort`, `direction`.

use serde::{Deserialize, Serialize};

use crate::read::Integer;

/// The largest `per_page` that is taken. The design says 50; more is accepted and harmless.
pub const MAX_PER_PAGE: i64 = 1_000;

/// Ascending or descending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// A checked window into a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1.
    pub page: u64,
    /// 1 to [`MAX_PER_PAGE`].
    pub per_page: u64,
}

impl Page {
    /// `None` when neither is given: everything. The error names the field.
    pub fn check(page: Option<Integer>, per_page: Option<Integer>) -> Result<Option<Page>, String> {
        let (page, per_page) = match (page, per_page) {
            (None, None) => return Ok(None),
            (Some(page), Some(per_page)) => (page.0, per_page.0),
            (Some(_), None) => return Err("per_page: missing beside page".to_owned()),
            (None, Some(_)) => return Err("page: missing beside per_page".to_owned()),
        };
        if !(1..=i64::from(u32::MAX)).contains(&page) {
            return Err(format!("page: {page} is not in 1..={}", u32::MAX));
        }
        if !(1..=MAX_PER_PAGE).contains(&per_page) {
            return Err(format!("per_page: {per_page} is not in 1..={MAX_PER_PAGE}"));
        }
        Ok(Some(Page {
            page: page.unsigned_abs(),
            per_page: per_page.unsigned_abs(),
        }))
    }

    /// How many rows come before the page.
    pub fn offset(self) -> u64 {
        (self.page - 1) * self.per_page
    }
}

/// `total_page` of an answer: 0 for nothing, 1 unpaged.
pub fn total_pages(total_count: u64, page: Option<Page>) -> u64 {
    match page {
        _ if total_count == 0 => 0,
        None => 1,
        Some(page) => total_count.div_ceil(page.per_page),
    }
}

/// The rows of a list that is at hand whole.
pub fn slice<T>(rows: Vec<T>, page: Option<Page>) -> Vec<T> {
    match page {
        None => rows,
        Some(page) => rows
            .into_iter()
            .skip(usize::try_from(page.offset()).unwrap_or(usize::MAX))
            .take(usize::try_from(page.per_page).unwrap_or(usize::MAX))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_or_neither_and_within_bounds() {
        assert_eq!(Page::check(None, None), Ok(None));
        assert!(Page::check(Some(Integer(1)), None).is_err());
        assert!(Page::check(Some(Integer(0)), Some(Integer(10))).is_err());
        assert!(Page::check(Some(Integer(1)), Some(Integer(1001))).is_err());
        let page = Page::check(Some(Integer(2)), Some(Integer(3))).expect("valid");
        assert_eq!(slice((0..10).collect(), page), [3, 4, 5]);
        assert_eq!(total_pages(10, page), 4);
        assert_eq!(total_pages(10, None), 1);
        assert_eq!(total_pages(0, page), 0);
    }
}
