//! Diagnoses: tasks with what they pin, and which of their reports are finished.

use std::collections::{BTreeMap, BTreeSet};

use aops_api::diagnosis::{OwnedTask, TaskGetRequest, TaskInfo, TaskProgress, TaskSaveRequest, TaskSort};
use aops_api::page::Direction;
use aops_api::{HostId, ReportId, TaskId};
use sqlx::any::AnyRow;
use sqlx::{Any, QueryBuilder, Row};

use super::accounts::is_taken;
use super::{MAX_BOUND, Tables, execute, fetch, from_count, names, push_in, slices};
use crate::account::Caller;
use crate::error::Error;
use crate::store::transact;

/// How many unpublished tasks are given at once.
const UNPUBLISHED_AT_ONCE: i64 = 100;

impl Tables {
    /// Saves a task. The same again changes nothing; another one under its id is refused.
    pub async fn save_task(&self, owner: &str, task: &TaskSaveRequest) -> Result<(), Error> {
        names::check_id("task_id", task.task_id.as_str())?;
        let pinned = serde_json::to_string(task).expect("a task is JSON");
        let tree_list: Vec<&str> = task.trees.iter().map(|tree| tree.tree_name.as_str()).collect();
        let host_list = serde_json::to_string(&task.host_list).expect("ids are JSON");
        let is_new = transact!(self, |write| {
            let what = || format!("task {} with its trees and rules", task.task_id);
            write.room.check(what, pinned.len() + host_list.len())?;
            let inserted = sqlx::query(
                "INSERT INTO diag_task (task_id, owner, created_ms, host_list, tree_list, start_ms, end_ms, \
             expected_report_num, published, pinned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
            )
            .bind(task.task_id.as_str().to_owned())
            .bind(owner.to_owned())
            .bind(task.created_ms)
            .bind(host_list.clone())
            .bind(serde_json::to_string(&tree_list).expect("names are JSON"))
            .bind(task.range.start_ms)
            .bind(task.range.end_ms)
            .bind(i64::try_from(task.expected_report_num).unwrap_or(i64::MAX))
            .bind(pinned.clone())
            .execute(write.connection())
            .await;
            match inserted {
                Ok(_) => Ok(true),
                Err(error) if is_taken(&error) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })?;
        match is_new {
            true => Ok(()),
            false => self.require_same_task(owner, task).await,
        }
    }

    async fn require_same_task(&self, owner: &str, task: &TaskSaveRequest) -> Result<(), Error> {
        match self.pinned_task(&task.task_id).await? {
            Some(saved) if saved.username == owner && saved.task == *task => Ok(()),
            _ => Err(Error::Exists(format!("task {}", task.task_id))),
        }
    }

    /// A task as it was saved.
    pub async fn pinned_task(&self, task_id: &TaskId) -> Result<Option<OwnedTask>, Error> {
        let row = sqlx::query("SELECT owner, pinned FROM diag_task WHERE task_id = ?")
            .bind(task_id.as_str().to_owned())
            .fetch_optional(&self.database)
            .await?;
        row.as_ref().map(owned_task).transpose()
    }

    /// Tasks whose messages have not all been published, oldest first.
    pub async fn unpublished_tasks(&self) -> Result<Vec<OwnedTask>, Error> {
        let rows = sqlx::query(
            "SELECT owner, pinned FROM diag_task WHERE published = 0 ORDER BY created_ms, task_id LIMIT ?",
        )
        .bind(UNPUBLISHED_AT_ONCE)
        .fetch_all(&self.database)
        .await?;
        rows.iter().map(owned_task).collect()
    }

    /// All messages of a task have been published.
    pub async fn mark_published(&self, task_id: &TaskId) -> Result<(), Error> {
        transact!(self, |write| {
            sqlx::query("UPDATE diag_task SET published = 1 WHERE task_id = ?")
                .bind(task_id.as_str().to_owned())
                .execute(write.connection())
                .await?;
            Ok(())
        })
    }

    /// The tasks a caller sees, filtered and sorted as asked. An admin sees all.
    pub async fn tasks(&self, caller: &Caller, request: &TaskGetRequest) -> Result<Vec<TaskInfo>, Error> {
        let mut query = QueryBuilder::<Any>::new(
            "SELECT t.task_id, t.created_ms, t.host_list, t.tree_list, t.start_ms, t.end_ms, t.expected_report_num, \
             (SELECT COUNT(*) FROM diag_finished_report f WHERE f.task_id = t.task_id) FROM diag_task t WHERE 1 = 1",
        );
        if !caller.is_admin() {
            query.push(" AND t.owner = ").push_bind(caller.username.clone());
        }
        if let Some((start, end)) = range(request)? {
            query
                .push(" AND t.created_ms >= ")
                .push_bind(start.saturating_mul(1_000))
                .push(" AND t.created_ms < ")
                .push_bind(end.saturating_add(1).saturating_mul(1_000));
        }
        query.push(" ORDER BY t.created_ms, t.task_id");
        let rows = fetch(query, &mut self.database.acquire().await?).await?;
        let mut tasks = rows
            .iter()
            .map(task_info)
            .collect::<Result<Vec<TaskInfo>, Error>>()?;
        if let Some(wanted) = &request.task_list {
            tasks.retain(|task| wanted.contains(&task.task_id));
        }
        sort_tasks(&mut tasks, request);
        Ok(tasks)
    }

    /// How far tasks are, in the order asked for. 0 for a task that does not exist or is somebody else's.
    pub async fn progress(&self, caller: &Caller, task_list: &[TaskId]) -> Result<Vec<TaskProgress>, Error> {
        let mut connection = self.database.acquire().await?;
        let mut finished: BTreeMap<String, u64> = BTreeMap::new();
        for chunk in task_list.chunks(MAX_BOUND / 2) {
            let mut query = QueryBuilder::<Any>::new(
                "SELECT t.task_id, COUNT(*) FROM diag_task t \
                 JOIN diag_finished_report f ON f.task_id = t.task_id WHERE ",
            );
            push_in(&mut query, "t.task_id", chunk.iter().map(TaskId::as_str));
            if !caller.is_admin() {
                query.push(" AND t.owner = ").push_bind(caller.username.clone());
            }
            query.push(" GROUP BY t.task_id");
            for row in &fetch(query, &mut connection).await? {
                finished.insert(row.try_get(0)?, from_count(row.try_get(1)?));
            }
        }
        let progress = |task_id: &TaskId| TaskProgress {
            task_id: task_id.clone(),
            progress: finished.get(task_id.as_str()).copied().unwrap_or(0),
        };
        Ok(task_list.iter().map(progress).collect())
    }

    /// Which of these reports are finished, deleted ones included.
    pub async fn finished_reports(
        &self,
        reports: &[(TaskId, ReportId)],
    ) -> Result<BTreeSet<ReportId>, Error> {
        let mut connection = self.database.acquire().await?;
        let mut finished = BTreeSet::new();
        for chunk in reports.chunks(MAX_BOUND / 4) {
            let tasks: BTreeSet<&str> = chunk.iter().map(|(task_id, _)| task_id.as_str()).collect();
            let mut query = QueryBuilder::<Any>::new("SELECT report_id FROM diag_finished_report WHERE ");
            push_in(&mut query, "task_id", tasks);
            query.push(" AND ");
            push_in(
                &mut query,
                "report_id",
                chunk.iter().map(|(_, report_id)| report_id.as_str()),
            );
            for row in &fetch(query, &mut connection).await? {
                finished.insert(ReportId::new(row.try_get::<String, _>(0)?));
            }
        }
        Ok(finished)
    }

    /// Counts reports as finished; those that are already do not count twice.
    pub async fn mark_finished(&self, reports: &[(TaskId, ReportId)]) -> Result<(), Error> {
        transact!(self, |write| {
            for chunk in slices(reports, 2) {
                let insert = format!(
                    "{} diag_finished_report (task_id, report_id) ",
                    self.dialect.insert_new()
                );
                let mut query = QueryBuilder::<Any>::new(insert);
                query.push_values(chunk, |mut row, (task_id, report_id)| {
                    row.push_bind(task_id.as_str().to_owned())
                        .push_bind(report_id.as_str().to_owned());
                });
                execute(query, write.connection()).await?;
            }
            Ok(())
        })
    }
}

/// In seconds, both ends included.
fn range(request: &TaskGetRequest) -> Result<Option<(i64, i64)>, Error> {
    match request.time_range.as_deref() {
        None => Ok(None),
        Some([start, end]) => Ok(Some((start.0, end.0))),
        Some(other) => Err(Error::Invalid(format!(
            "time_range: {} elements, not 2",
            other.len()
        ))),
    }
}

/// Columns: owner, pinned.
fn owned_task(row: &AnyRow) -> Result<OwnedTask, Error> {
    let pinned: String = row.try_get(1)?;
    Ok(OwnedTask {
        username: row.try_get(0)?,
        task: serde_json::from_str(&pinned).map_err(Error::stored("task"))?,
    })
}

fn task_info(row: &AnyRow) -> Result<TaskInfo, Error> {
    let host_list: String = row.try_get(2)?;
    let tree_list: String = row.try_get(3)?;
    let (start_ms, end_ms): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    Ok(TaskInfo {
        task_id: TaskId::new(row.try_get::<String, _>(0)?),
        host_list: serde_json::from_str::<Vec<HostId>>(&host_list)
            .map_err(Error::stored("hosts of a task"))?,
        tree_list: serde_json::from_str(&tree_list).map_err(Error::stored("trees of a task"))?,
        time_range: [start_ms.div_euclid(1_000), end_ms.div_euclid(1_000)],
        time: row.try_get::<i64, _>(1)?.div_euclid(1_000),
        expected_report_num: from_count(row.try_get(6)?),
        cur_report_num: from_count(row.try_get(7)?),
    })
}

/// They come by time.
fn sort_tasks(tasks: &mut [TaskInfo], request: &TaskGetRequest) {
    let sort = request.sort.unwrap_or(TaskSort::Unsorted);
    match sort {
        TaskSort::Unsorted | TaskSort::Time => {}
        TaskSort::Expected => tasks.sort_by_key(|task| task.expected_report_num),
        TaskSort::Current => tasks.sort_by_key(|task| task.cur_report_num),
    }
    if sort != TaskSort::Unsorted && request.direction == Some(Direction::Desc) {
        tasks.reverse();
    }
}
