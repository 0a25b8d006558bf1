//! A real retailer's reviews, where they are there: the figures that any reader of the file would come to.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::stream;
use guanxi_contracts::feedback::v1::*;
use guanxi_testkit::Combination;

use crate::support::*;

/// The columns that a review is made of, as the file has them.
struct Row {
    review_id: String,
    order_id: String,
    score: i32,
    title: String,
    message: String,
}

fn rows() -> Option<Vec<Row>> {
    let file = guanxi_testkit::olist()?.join("order_reviews.csv");
    let mut reader = csv::Reader::from_path(file).expect("the file is there");
    let row = |record: csv::StringRecord| Row {
        review_id: record[0].to_owned(),
        order_id: record[1].to_owned(),
        score: record[2].parse().expect("a score"),
        title: record[3].to_owned(),
        message: record[4].to_owned(),
    };
    Some(reader.records().map(|record| row(record.expect("a record"))).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f23_the_reviews_of_a_real_retailer_are_pairs_of_review_and_order() {
    import(Combination::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f23_the_reviews_of_a_real_retailer_and_their_orders_race_and_neither_misses_the_other() {
    import(Combination::Postgres).await;
}

async fn import(combination: Combination) {
    let Some(rows) = rows() else { return };
    let env = setup().start(combination).await;
    let client = env.client();
    // Half of the orders are known before their reviews, the other half becomes known while they come in.
    let orders: BTreeSet<&str> = rows.iter().map(|row| row.order_id.as_str()).collect();
    let tell = async |half: usize| {
        let orders: Vec<_> = orders.iter().skip(half).step_by(2).collect();
        for some in orders.chunks(100) {
            env.tell("customer", some.iter().map(|order| placed(order, &["a"]).event())).await;
        }
    };
    tell(0).await;
    env.settle().await;
    let submitted = stream::iter(&rows).map(|row| {
        let client = client.clone();
        async move {
            let subject = order(&row.order_id).to_string();
            let review = Review {
                title: row.title.clone(),
                text: row.message.clone(),
                ..review(&row.review_id, &subject, row.score)
            };
            submit(&client, review).await.expect("is taken").outcome()
        }
    });
    let (outcomes, ()) = futures::join!(submitted.buffer_unordered(64).collect::<Vec<_>>(), tell(1));
    env.settle().await;
    let pairs: BTreeMap<(&str, &str), i32> =
        rows.iter().map(|row| ((row.review_id.as_str(), row.order_id.as_str()), row.score)).collect();
    let low: BTreeSet<&str> = pairs.iter().filter(|(_, score)| **score <= 2).map(|((_, order), _)| *order).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == ReviewOutcome::Created).count(), pairs.len());
    assert_eq!(pairs.len(), 5_739);
    assert_eq!(figure(&client, "reviews").await.as_deref(), Some("5739"));
    assert_eq!(figure(&client, "rating_mean").await.as_deref(), Some("3.280014"));
    assert_eq!(figure(&client, "cases").await, Some(low.len().to_string()), "one for each order with a 1 or a 2");
    env.verify().await;
    env.end().await;
}
