//! Balances by business time and by what was known; entries in pages.

use guanxi_contracts::loyalty::v1::*;
use guanxi_contracts::time::to_proto;
use guanxi_kernel::Timestamp;

use guanxi_testkit::Env;

use crate::support::*;

async fn balance_at(env: &Env, member: &str, as_of: Option<Timestamp>, known_at: Option<Timestamp>) -> i64 {
    let request =
        GetBalanceRequest { member: member.into(), as_of: as_of.map(to_proto), known_at: known_at.map(to_proto) };
    let answer = env.client().loyalty().points().get_balance(request).await.unwrap().into_inner();
    answer.balance.unwrap().balance
}

guanxi_testkit::matrix! {
    setup();

    async fn what_was_believed_on_a_day_about_another(env: &Env) {
        let member = member(env, expiring_program(30)).await;
        let first = at("2026-11-22T04:42:00Z");
        earn(&env.client(), &member, "1", 100).await;
        let tenth = first + jiff::SignedDuration::from_hours(240);
        env.clock().set(tenth);
        let mut late = earning(&member, "2", vec![line(1, 4_000)]);
        late.effective_time = Some(to_proto(first));
        let mut points = env.client().loyalty().points();
        points.earn_points(late).await.unwrap();
        points.spend_points(spending(&member, 30)).await.unwrap();
        let at = async |as_of, known_at| balance_at(env, &member, Some(as_of), Some(known_at)).await;
        assert_eq!(
            (at(first, first).await, at(first, tenth).await, at(tenth, first).await, at(tenth, tenth).await),
            (100, 140, 100, 110),
        );
        assert_eq!(balance_at(env, &member, None, None).await, 110);
        let after = first + jiff::SignedDuration::from_hours(24 * 60);
        assert_eq!(balance_at(env, &member, Some(after), None).await, 0, "what is left in two months");
        env.clock().set(after);
        env.run_jobs().await;
        assert_eq!((balance_at(env, &member, Some(tenth), None).await, balance_at(env, &member, None, None).await), (110, 0));
    }

    async fn what_was_active_waiting_and_held_on_a_day_and_what_was_known_of_it(env: &Env) {
        let member = member(env, Program { expiry: expiring_program(40).expiry, ..waiting_program() }).await;
        let (start, day) = (at("2026-11-22T04:42:00Z"), jiff::SignedDuration::from_hours(24));
        let mut points = env.client().loyalty().points();
        env.tell("customer", [recorded("1", customer(1), &["a"])]).await;
        env.settle().await;
        earn(&env.client(), &member, "2", 100).await;
        let adjust = AdjustPointsRequest { expire_time: None, ..crate::adjusting::adjusting(&member, 50) };
        points.adjust_points(adjust).await.unwrap();
        env.clock().set(start + day);
        points.place_hold(crate::holds::holding(&member, 20)).await.unwrap();
        env.clock().set(start + day * 3);
        // Placed on the 1st, delivered on the 20th, told on the 25th; the hold timed out meanwhile.
        env.tell("logistics", [delivered("1", "a", "2026-11-20T00:00:00Z")]).await;
        env.settle().await;
        env.run_jobs().await;
        let buckets = async |as_of: Timestamp, known_at: Timestamp| {
            let request = GetBalanceRequest {
                member: member.clone(),
                as_of: Some(to_proto(as_of)),
                known_at: Some(to_proto(known_at)),
            };
            let answer = env.client().loyalty().points().get_balance(request).await.unwrap().into_inner();
            let Balance { balance, available, pending, held, .. } = answer.balance.unwrap();
            (balance, available, pending, held)
        };
        let (told, held) = (start + day * 3, start + day + jiff::SignedDuration::from_mins(1));
        assert_eq!(buckets(start, start).await, (50, 50, 110, 0));
        assert_eq!(buckets(held, held).await, (50, 30, 110, 20));
        assert_eq!(buckets(held, told).await, (60, 40, 100, 20), "by then it had been delivered");
        assert_eq!(buckets(told, held).await, (50, 50, 110, 0), "the hold has timed out, whoever wrote it");
        assert_eq!(buckets(told, told).await, (60, 60, 100, 0));
        assert_eq!(buckets(start + day * 100, told).await, (0, 0, 100, 0), "what waits does not expire");
        env.verify().await;
    }

    async fn l05_what_expires_is_listed_by_date(env: &Env) {
        let member = member(env, expiring_program(10)).await;
        earn(&env.client(), &member, "1", 100).await;
        env.clock().advance(jiff::SignedDuration::from_hours(48));
        earn(&env.client(), &member, "2", 200).await;
        let mut points = env.client().loyalty().points();
        let all = ListExpiringRequest { member: member.clone(), until: None };
        let listed = points.list_expiring(all.clone()).await.unwrap().into_inner();
        let sums: Vec<_> = listed.expiring.iter().map(|e| (e.points, e.cumulative_points)).collect();
        assert_eq!((sums, listed.points), (vec![(100, 100), (200, 300)], 300));
        let until = listed.expiring[0].expires_at;
        let listed = points.list_expiring(ListExpiringRequest { until, ..all }).await.unwrap().into_inner();
        assert_eq!(listed.points, 100);
    }

    async fn entries_are_listed_newest_first_and_by_order(env: &Env) {
        let member = member(env, program()).await;
        for number in 1..=5 {
            earn(&env.client(), &member, &number.to_string(), number).await;
        }
        let mut points = env.client().loyalty().points();
        let mut request = ListEntriesRequest { member: member.clone(), page_size: 3, ..ListEntriesRequest::default() };
        let first = points.list_entries(request.clone()).await.unwrap().into_inner();
        request.page_token = first.next_page_token;
        let second = points.list_entries(request.clone()).await.unwrap().into_inner();
        let listed: Vec<_> = first.entries.iter().chain(&second.entries).map(|entry| entry.points).collect();
        assert_eq!((listed, second.next_page_token.as_str()), (vec![5, 4, 3, 2, 1], ""));
        request.order = order("2").to_string();
        let other = points.list_entries(request.clone()).await;
        assert_eq!(guanxi_client::Error::from(other.expect_err("another list")).violations[0].field, "page_token");
        request.page_token = String::new();
        let of = points.list_entries(request).await.unwrap().into_inner().entries;
        assert_eq!((of.len(), of[0].kind(), of[0].order.as_str()), (1, EntryKind::Earn, order("2").as_str()));
        assert_eq!((of[0].from_account(), of[0].to_account()), (LedgerAccount::Issued, LedgerAccount::Open));
    }
}
