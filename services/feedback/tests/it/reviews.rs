//! Reviews: natural keys, repeats, ratings, lists.

use futures::future::join_all;
use guanxi_client::request_id;
use guanxi_contracts::feedback::events::v1::ReviewSubmitted;
use guanxi_contracts::feedback::v1::*;
use guanxi_testkit::matrix;

use crate::support::*;

matrix! {
    setup();

    async fn f23_review_ids_repeat_across_orders_and_the_same_review_is_had_once(env: &Env) {
        let client = env.client();
        let first = submit(&client, review("7b", order("1").as_str(), 5)).await.expect("is taken");
        let other = submit(&client, review("7b", order("2").as_str(), 5)).await.expect("is taken");
        assert_eq!((first.outcome(), other.outcome()), (ReviewOutcome::Created, ReviewOutcome::Created));
        let again = submit(&client, review("7b", order("1").as_str(), 5)).await.expect("is taken");
        assert_eq!((again.outcome(), &again.review), (ReviewOutcome::Duplicate, &first.review));
        let changed = submit(&client, review("7b", order("1").as_str(), 4)).await.expect("is taken");
        assert_eq!(changed.outcome(), ReviewOutcome::Updated);
        let (before, after) = (first.review.expect("a review"), changed.review.expect("a review"));
        assert_eq!((before.name == after.name, before.etag == after.etag, after.rating), (true, false, 4));
        assert_eq!(figure(&client, "reviews").await.as_deref(), Some("2"));
        assert_eq!(figure(&client, "rating_mean").await.as_deref(), Some("4.500000"));
        env.settle().await;
        assert_eq!(env.events_of::<ReviewSubmitted>("feedback").await.len(), 3, "a duplicate tells nothing");
    }

    async fn the_same_request_is_answered_the_same_and_another_body_is_refused(env: &Env) {
        let client = env.client();
        let request = SubmitReviewRequest {
            request_id: request_id(),
            review: Some(review("1", order("1").as_str(), 5)),
            historical: false,
        };
        let first = answered(client.feedback().reviews().submit_review(request.clone()).await).expect("is taken");
        let again = answered(client.feedback().reviews().submit_review(request.clone()).await).expect("is answered");
        assert_eq!(first, again, "a replay, not a duplicate");
        let other = SubmitReviewRequest { review: Some(review("1", order("1").as_str(), 1)), ..request };
        assert_eq!(reason(answered(client.feedback().reviews().submit_review(other).await)), "REQUEST_ID_REUSED");
    }

    async fn reviews_that_come_at_once_are_all_taken_and_a_bad_one_harms_nobody(env: &Env) {
        let client = env.client();
        env.tell("customer", (0..40).map(|n| placed(&n.to_string(), &["a"]).event())).await;
        env.tell("customer", [placed("foreign", &["a"]).of("elsewhere").event()]).await;
        env.settle().await;
        let reviews = (0..200).map(|n| {
            let client = client.clone();
            // Five reviews of each order, each submitted by two at once; the foreign order's are refused.
            let number = if n % 50 == 49 { "foreign".to_owned() } else { (n / 5).to_string() };
            async move {
                let review = review(&(n % 5).to_string(), order(&number).as_str(), 1 + n % 5);
                let (one, other) = futures::join!(submit(&client, review.clone()), submit(&client, review));
                (number, one, other)
            }
        });
        let mut outcomes = [0; 2];
        for (number, one, other) in join_all(reviews).await {
            if number == "foreign" {
                assert_eq!((reason(one), reason(other)), ("NOT_FOUND".to_owned(), "NOT_FOUND".to_owned()));
                continue;
            }
            for answer in [one, other] {
                outcomes[usize::from(answer.expect("is taken").outcome() == ReviewOutcome::Duplicate)] += 1;
            }
        }
        assert_eq!(outcomes, [196, 196], "of two at once one is new and one a duplicate");
        assert_eq!(figure(&client, "reviews").await.as_deref(), Some("196"));
        assert_eq!(figure(&client, "cases").await.as_deref(), Some("40"), "one for each order with a 1 or a 2");
        env.verify().await;
    }

    async fn a_rating_is_exact_and_ranks_by_the_mean_of_its_kind(env: &Env) {
        let client = env.client();
        let rating = |subject: &str, kind: SubjectKind| {
            let (client, subject) = (client.clone(), subject.to_owned());
            async move {
                let request = GetRatingRequest { subject, kind: kind.into(), organization: String::new() };
                let answer = answered(client.feedback().reviews().get_rating(request).await);
                answer.map(|answer| answer.rating.expect("a rating"))
            }
        };
        let none = rating("products/shop:1", SubjectKind::Unspecified).await.expect("no data is no error");
        assert_eq!((none.count, none.mean, none.ranked), (0, None, None));
        // A mean of 3.5 over the products, to which one 5 belongs.
        for (id, subject, stars) in [("1", "products/shop:1", 5), ("2", "products/shop:2", 2), ("3", "stores/1", 1)] {
            submit(&client, review(id, subject, stars)).await.expect("is taken");
        }
        let one = rating("products/shop:1", SubjectKind::Unspecified).await.expect("a rating");
        assert_eq!((one.count, one.sum, one.counts), (1, 5, vec![0, 0, 0, 0, 1]));
        assert_eq!((one.mean.as_deref(), one.ranked.as_deref()), (Some("5.000000"), Some("3.571429")));
        let products = rating("", SubjectKind::Product).await.expect("a rating");
        assert_eq!((products.count, products.mean.as_deref()), (2, Some("3.500000")));
        let all = rating("", SubjectKind::Unspecified).await.expect("a rating");
        assert_eq!((all.count, all.mean.as_deref()), (3, Some("2.666667")));
        assert_eq!(wrong_fields(rating("stores/1", SubjectKind::Product).await), ["kind"]);
    }

    async fn reviews_are_listed_by_page_and_filter(env: &Env) {
        let client = env.client();
        for n in 0..7 {
            let review = Review {
                review_time: Some(guanxi_contracts::time::to_proto(at(&format!("2026-11-0{}T00:00:00Z", 1 + n / 2)))),
                ..review(&n.to_string(), order(&n.to_string()).as_str(), 1 + n % 5)
            };
            submit(&client, review).await.expect("is taken");
        }
        let mut reviews = client.feedback().reviews();
        let mut request = ListReviewsRequest { page_size: 3, ..ListReviewsRequest::default() };
        let mut found = Vec::new();
        loop {
            let page = answered(reviews.list_reviews(request.clone()).await).expect("a page");
            assert!(page.reviews.len() <= 3);
            found.extend(page.reviews.into_iter().map(|review| (review.review_time.map(|at| at.seconds), review.name)));
            if page.next_page_token.is_empty() {
                break;
            }
            request.page_token = page.next_page_token;
        }
        assert_eq!(found.len(), 7);
        assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "those written last first, and none twice");
        let filter = |filter: &str| ListReviewsRequest { filter: filter.into(), ..ListReviewsRequest::default() };
        let low = answered(reviews.list_reviews(filter("rating <= 2")).await).expect("a page").reviews;
        assert_eq!(low.len(), 4);
        let one = answered(reviews.list_reviews(filter("subject = \"orders/olist:3\"")).await).expect("a page").reviews;
        assert_eq!(one.len(), 1);
        request.filter = "rating <= 2".into();
        assert_eq!(wrong_fields(answered(reviews.list_reviews(request).await)), ["page_token"]);
        assert_eq!(wrong_fields(answered(reviews.list_reviews(filter("colour = 1")).await)), ["filter"]);
    }

    async fn everything_wrong_with_a_review_is_said_at_once(env: &Env) {
        let wrong = Review {
            source: "Not a source".into(),
            external_id: String::new(),
            subject: "dogs/1".into(),
            customer: "customers/1".into(),
            rating: 6,
            organization: "organizations/NO".into(),
            ..Review::default()
        };
        let fields = wrong_fields(submit(&env.client(), wrong).await);
        let expected = ["customer", "external_id", "organization", "rating", "source", "subject"];
        assert_eq!(fields, expected.map(|field| format!("review.{field}")));
        let nul = Review { title: "a\0b".into(), text: "\0".into(), ..review("1", order("1").as_str(), 5) };
        assert_eq!(wrong_fields(submit(&env.client(), nul).await), ["review.text", "review.title"]);
        let odd = Review { title: "\u{1}".into(), text: "\u{1}\u{b} \u{200b}".into(), ..review("1", order("1").as_str(), 5) };
        let stored = submit(&env.client(), odd.clone()).await.expect("is odd, not wrong").review.expect("a review");
        assert_eq!((stored.title, stored.text), (odd.title, odd.text));
    }

    async fn a_stranger_neither_sees_nor_changes_reviews(env: &Env) {
        let (client, stranger) = (env.client(), env.client_as("stranger", &["*"], &["elsewhere:rw"]));
        submit(&client, review("1", order("1").as_str(), 5)).await.expect("is taken");
        let page = answered(stranger.feedback().reviews().list_reviews(ListReviewsRequest::default()).await);
        assert!(page.expect("a page").reviews.is_empty());
        let rating = answered(stranger.feedback().reviews().get_rating(GetRatingRequest::default()).await);
        assert_eq!(rating.expect("a rating").rating.expect("one").count, 0);
        assert_eq!(reason(submit(&stranger, review("1", order("1").as_str(), 1)).await), "NOT_FOUND");
        let named = Review { organization: "organizations/default".into(), ..review("2", order("1").as_str(), 1) };
        assert_eq!(reason(submit(&stranger, named).await), "NOT_FOUND");
        assert_eq!(figure(&stranger, "reviews").await.as_deref(), Some("0"));
        let reader = env.client_as("reader", &["feedback.reviews.read"], &["*"]);
        assert_eq!(reason(submit(&reader, review("2", order("1").as_str(), 1)).await), "SCOPE_MISSING");
    }
}
