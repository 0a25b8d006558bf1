//! Reviews, read row by row as they are sent: their texts are the bulk of an export.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use guanxi_client::contracts::feedback::v1::{Review, SubmitReviewRequest};
use guanxi_client::contracts::time::to_proto;
use guanxi_kernel::{OrderName, natural_id};

use super::mapping::{Mapping, Reviews as Columns};
use super::rejects::{Place, Rejects};
use super::table::{Fault, Row, Table};
use super::value::{Format, whole};
use crate::failed::{Done, Failed};
use crate::load::Item;

/// The reviews of an export, one after the other.
pub struct Reviews<'a> {
    mapping: &'a Mapping,
    columns: &'a Columns,
    format: Format,
    table: Table,
    /// The orders that there are; empty where they could not be read.
    numbers: &'a HashSet<String>,
    /// The first line of each review: its id may repeat, with another order.
    seen: HashMap<(String, String), u64>,
}

impl<'a> Reviews<'a> {
    /// Opens the reviews; `None` where the export has none, or the header is wrong.
    ///
    /// # Errors
    /// A file that is not there or cannot be read.
    pub fn open(
        dir: &Path,
        mapping: &'a Mapping,
        numbers: &'a HashSet<String>,
        rejects: &mut Rejects,
    ) -> Done<Option<Self>> {
        let Some(columns) = &mapping.reviews else { return Ok(None) };
        let mut needed = vec![&*columns.id, &columns.order, &columns.rating, &columns.review_time];
        needed.extend([&columns.title, &columns.text].into_iter().filter_map(|column| column.as_deref()));
        let format = mapping.value_format().map_err(Failed::usage)?;
        let table = Table::open(dir, &columns.file, &needed, mapping, rejects)?;
        Ok(table.map(|table| Self { mapping, columns, format, table, numbers, seen: HashMap::new() }))
    }

    /// How many rows there are, good or not.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn count(dir: &Path, mapping: &Mapping) -> Done<usize> {
        let Some(columns) = &mapping.reviews else { return Ok(0) };
        let Some(mut table) = Table::open(dir, &columns.file, &[], mapping, &mut Rejects::default())? else {
            return Ok(0);
        };
        let mut rows = 0;
        while table.row()?.is_some() {
            rows += 1;
        }
        Ok(rows)
    }

    /// The next review that is good; what is wrong with others is noted. `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&mut self, rejects: &mut Rejects) -> Done<Option<Item<Place, SubmitReviewRequest>>> {
        let Self { mapping, columns, format, table, numbers, seen } = self;
        while let Some(row) = table.row()? {
            let place = row.place.clone();
            let read = row.check().and_then(|()| {
                let (id, order) = (row.required(&columns.id)?, row.required(&columns.order)?);
                if !numbers.is_empty() && !numbers.contains(&*order) {
                    return Err(Fault::new(&columns.order, "there is no such order"));
                }
                if let Some(first) = seen.insert((id.into_owned(), order.into_owned()), place.line) {
                    return Err(Fault::new(&columns.id, format!("this review is there twice, first in line {first}")));
                }
                request(&row, mapping, columns, format)
            });
            match read {
                Ok(element) => return Ok(Some(Item { origin: place, element })),
                Err(fault) => rejects.note(&place, Err(fault)),
            }
        }
        Ok(None)
    }
}

/// The call that submits a review. Its request id is made of all that it says: the same review again is a replay.
fn request(row: &Row<'_>, mapping: &Mapping, columns: &Columns, format: &Format) -> Result<SubmitReviewRequest, Fault> {
    let order =
        row.read(&columns.order, |number| OrderName::new(&mapping.source, number).map_err(|error| error.to_string()))?;
    let rating = row.read(&columns.rating, |text| whole(text, 1, 5))?;
    let at = row.read(&columns.review_time, |text| format.moment(text))?.at;
    let (title, text) = (row.optional(columns.title.as_ref()), row.optional(columns.text.as_ref()));
    let id = row.required(&columns.id)?;
    let said = [&*mapping.source, &*id, order.as_str(), &rating.to_string(), &*title, &*text, &at.to_string()];
    let request_id = natural_id("import-review", said).to_string();
    let review = Review {
        organization: format!("organizations/{}", mapping.organization.id),
        source: mapping.source.clone(),
        external_id: id.into_owned(),
        subject: order.to_string(),
        rating: i32::try_from(rating).unwrap_or_default(),
        title: title.into_owned(),
        text: text.into_owned(),
        review_time: Some(to_proto(at)),
        ..Review::default()
    };
    Ok(SubmitReviewRequest { request_id, review: Some(review), historical: true })
}
