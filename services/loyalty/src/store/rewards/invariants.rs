//! What must hold of rewards at any moment: the stock is what was redeemed, and points were taken and given back with it.

use guanxi_store::verify::Invariant;

/// Every invariant of rewards.
pub fn all() -> Vec<Invariant> {
    vec![
        Invariant::sql(
            "rewards-count-what-was-redeemed",
            "SELECT COUNT(*) FROM rewards",
            "SELECT 'rewards/' || r.slug, 'counts ' || CAST(r.redeemed AS varchar(20)) || ', redeemed ' || \
             CAST(COUNT(d.redemption_id) AS varchar(20)) FROM rewards r LEFT JOIN reward_redemptions d \
             ON d.root_id = r.root_id AND d.state <> 'CANCELLED' GROUP BY r.root_id, r.slug, r.redeemed, r.stock_total \
             HAVING COUNT(d.redemption_id) <> r.redeemed OR COUNT(d.redemption_id) > COALESCE(r.stock_total, r.redeemed)",
        ),
        Invariant::sql(
            "rewards-take-their-points",
            "SELECT COUNT(*) FROM reward_redemptions",
            "SELECT 'rewards/' || d.slug, 'cost ' || CAST(d.points AS varchar(20)) || ', took ' || \
             CAST(COALESCE(o.spent, 0) AS varchar(20)) || ', gave back ' || CAST(COALESCE(o.refunded, 0) AS varchar(20)) \
             FROM reward_redemptions d LEFT JOIN (SELECT order_id, CAST(SUM(spent) AS bigint) AS spent, \
             CAST(SUM(refunded) AS bigint) AS refunded FROM member_orders WHERE name LIKE 'orders/reward:%' \
             GROUP BY order_id) AS o ON o.order_id = d.order_id \
             WHERE COALESCE(o.spent, 0) <> d.points \
             OR COALESCE(o.refunded, 0) <> CASE WHEN d.state = 'CANCELLED' THEN d.points ELSE 0 END",
        ),
    ]
}
