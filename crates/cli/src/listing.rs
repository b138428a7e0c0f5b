//! Lists of the platform, however long: fetched page by page, drawn as they come.

use aops_api::Code;
use aops_api::account::{AccountGetAnswer, AccountInfo, GrantGetAnswer, GrantInfo};
use aops_api::audit::{AuditEntry, AuditGetAnswer};
use aops_api::diagnosis::{ReportHead, ReportListAnswer};
use aops_api::group::{GroupGetAnswer, GroupInfo};
use aops_api::host::{HostGetAnswer, HostInfo};
use aops_api::page::MAX_PER_PAGE;
use aops_api::read::Integer;
use aops_api::result::{HostCount, ResultCountAnswer, ResultGetAnswer, ResultRow};
use aops_api::rule::{CheckItem, RuleGetAnswer};
use aops_client::{ClientError, Outcome};
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Output, Paging};
use crate::context::{Context, answer, check};
use crate::failure::Failure;
use crate::pager::LongOutput;
use crate::screen;
use crate::table::Table;

/// A page of a list.
pub(crate) trait Page: Serialize {
    /// A row.
    type Row: Serialize;
    /// The field of the rows.
    const ROWS: &'static str;
    /// Rows of all pages.
    fn total_count(&self) -> u64;
    /// Rows of this page.
    fn rows(&self) -> &[Self::Row];
}

macro_rules! pages {
    ($($answer:ident: $rows:ident of $row:ident;)*) => {
        $(impl Page for $answer {
            type Row = $row;
            const ROWS: &'static str = stringify!($rows);

            fn total_count(&self) -> u64 {
                self.total_count
            }

            fn rows(&self) -> &[Self::Row] {
                &self.$rows
            }
        })*
    };
}

pages! {
    AccountGetAnswer: account_infos of AccountInfo;
    AuditGetAnswer: audit_infos of AuditEntry;
    GrantGetAnswer: grant_infos of GrantInfo;
    GroupGetAnswer: host_group_infos of GroupInfo;
    HostGetAnswer: host_infos of HostInfo;
    ReportListAnswer: result of ReportHead;
    ResultCountAnswer: results of HostCount;
    ResultGetAnswer: check_result of ResultRow;
    RuleGetAnswer: check_items of CheckItem;
}

/// `page` and `per_page` of a request.
pub(crate) type PageFields = (Option<Integer>, Option<Integer>);

/// Hands out every page of what was asked for, one at a time. The one that was asked for with --page is the only one.
/// A code other than 200 is a failure, after the first answer was handed out.
pub(crate) async fn each_page<A: Page>(
    context: &Context,
    paging: &Paging,
    ask: impl AsyncFn(PageFields) -> Result<Outcome<A>, ClientError>,
    mut take: impl FnMut(&Outcome<A>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if let Some(fields) = paging.fields() {
        let outcome = context.receive(ask(fields).await)?;
        take(&outcome)?;
        return check(&outcome);
    }
    let mut seen = 0;
    for page in 1.. {
        let fields = (Some(Integer(page)), Some(Integer(MAX_PER_PAGE)));
        let outcome = context.receive(ask(fields).await)?;
        if page == 1 || outcome.code == Code::Succeed {
            take(&outcome)?;
        }
        check(&outcome)?;
        let (rows, total_count) = outcome
            .payload
            .as_ref()
            .map_or((0, 0), |payload| (payload.rows().len(), payload.total_count()));
        seen += u64::try_from(rows).unwrap_or(u64::MAX);
        if rows == 0 || seen >= total_count {
            break;
        }
    }
    Ok(())
}

/// Prints a list in the form that was asked for. `draw` draws the rows of a page for people.
pub(crate) async fn print<A: Page>(
    context: &Context,
    paging: &Paging,
    ask: impl AsyncFn(PageFields) -> Result<Outcome<A>, ClientError>,
    mut draw: impl FnMut(&[A::Row]) -> String,
) -> Result<(), Failure> {
    let mut output = context.long_output();
    if context.output.is_for_programs() {
        let mut written = Written::new(context.output, paging);
        each_page(context, paging, ask, |outcome| written.page(outcome, &mut output)).await?;
        written.end(&mut output)?;
        return output.finish();
    }
    let mut shown = 0;
    let mut total_count = 0;
    each_page(context, paging, ask, |outcome| {
        check(outcome)?;
        let rows = outcome.payload.as_ref().map(A::rows).unwrap_or_default();
        total_count = outcome.payload.as_ref().map_or(0, A::total_count);
        shown += u64::try_from(rows.len()).unwrap_or(u64::MAX);
        output.write(&draw(rows))
    })
    .await?;
    output.finish()?;
    if paging.fields().is_some() && shown != total_count {
        screen::note(&format!(
            "{shown} of {total_count}; see more with --page and --per_page"
        ));
    }
    Ok(())
}

/// Rows as a table, over all pages.
pub(crate) fn table<R, const COLUMNS: usize>(
    header: [&str; COLUMNS],
    row: impl Fn(&R) -> [String; COLUMNS],
) -> impl FnMut(&[R]) -> String {
    let mut table = Table::new(header, screen::line_width());
    move |rows| table.draw(rows.iter().map(&row))
}

/// The pages as one answer. When a later page fails, what was written is cut short, and can be read by nobody by mistake.
struct Written {
    output: Output,
    /// Whether all pages become one.
    is_joined: bool,
    rows: u64,
    /// Whether the rows are the last thing written, and open.
    is_open: bool,
}

impl Written {
    fn new(output: Output, paging: &Paging) -> Self {
        Self {
            output,
            is_joined: paging.fields().is_none(),
            rows: 0,
            is_open: false,
        }
    }

    fn page<A: Page>(&mut self, outcome: &Outcome<A>, output: &mut LongOutput) -> Result<(), Failure> {
        let Some(page) = outcome.payload.as_ref().filter(|_| outcome.code == Code::Succeed) else {
            return output.write(&self.whole(&answer(outcome))?);
        };
        if !self.is_open {
            self.is_open = true;
            output.write(&self.head(outcome)?)?;
        }
        for chunk in page.rows().chunks(100) {
            output.write(&self.rows(chunk)?)?;
        }
        Ok(())
    }

    /// All fields but the rows, and the beginning of these.
    fn head<A: Page>(&self, outcome: &Outcome<A>) -> Result<String, Failure> {
        let mut head = serde_json::to_value(answer(outcome)).map_err(unwritable)?;
        if let Some(fields) = head.as_object_mut() {
            fields.retain(|name, _| name != A::ROWS);
            if let Some(total_page) = fields.get_mut("total_page").filter(|_| self.is_joined) {
                *total_page = u64::from(*total_page != 0).into();
            }
        }
        let rows = Value::String(A::ROWS.to_owned());
        let text = self.whole(&head)?;
        let text = text.trim_end();
        Ok(match self.output {
            Output::Yaml => format!("{text}\n{}:", A::ROWS),
            Output::Json | Output::Table => format!("{},{rows}:[", text.strip_suffix('}').unwrap_or(text)),
        })
    }

    fn rows<R: Serialize>(&mut self, rows: &[R]) -> Result<String, Failure> {
        let mut text = String::new();
        if self.output == Output::Yaml {
            if self.rows == 0 {
                text.push('\n');
            }
            text.push_str(&screen::yaml(&rows)?);
            self.rows += 1;
            return Ok(text);
        }
        for row in rows {
            if self.rows > 0 {
                text.push(',');
            }
            text.push_str(&serde_json::to_string(row).map_err(unwritable)?);
            self.rows += 1;
        }
        Ok(text)
    }

    fn end(&self, output: &mut LongOutput) -> Result<(), Failure> {
        match self.output {
            _ if !self.is_open => Ok(()),
            Output::Yaml if self.rows == 0 => output.write(" []\n"),
            Output::Yaml => Ok(()),
            Output::Json | Output::Table => output.write("]}\n"),
        }
    }

    fn whole(&self, value: &impl Serialize) -> Result<String, Failure> {
        match self.output {
            Output::Yaml => screen::yaml(value),
            Output::Json | Output::Table => {
                let text = serde_json::to_string(value).map_err(unwritable)?;
                Ok(text + "\n")
            }
        }
    }
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::Local(format!("the answer cannot be written as JSON: {error}"))
}

/// All rows at once, for what has to be whole: a file.
pub(crate) async fn collect<A: Page>(
    context: &Context,
    ask: impl AsyncFn(PageFields) -> Result<Outcome<A>, ClientError>,
) -> Result<Vec<A::Row>, Failure>
where
    A::Row: Clone,
{
    let mut all = Vec::new();
    each_page(context, &Paging::default(), ask, |outcome| {
        check(outcome)?;
        all.extend(outcome.payload.iter().flat_map(A::rows).cloned());
        Ok(())
    })
    .await?;
    Ok(all)
}
