//! What must hold of what orders earned by capped rules and campaigns.

use guanxi_store::verify::Invariant;

/// Every invariant of earning.
pub(super) fn all() -> Vec<Invariant> {
    vec![
        Invariant::sql(
            "budgets-equal-what-was-given",
            "SELECT COUNT(*) FROM campaign_budgets",
            "SELECT 'campaign ' || c.slug, 'spent ' || CAST(b.points AS varchar(20)) || ' points on ' || \
             CAST(b.orders AS varchar(20)) || ' orders, by its orders ' || CAST(COALESCE(o.points, 0) AS varchar(20)) \
             || ' on ' || CAST(COALESCE(o.orders, 0) AS varchar(20)) FROM campaign_budgets b \
             JOIN campaigns c ON c.root_id = b.root_id LEFT JOIN (SELECT campaign_id, \
             CAST(SUM(points - returned) AS bigint) AS points, SUM(CASE WHEN points > 0 THEN 1 ELSE 0 END) AS orders \
             FROM (SELECT campaign_id, points, returned FROM campaign_orders UNION ALL SELECT campaign_id, points, 0 \
             FROM campaign_sources) AS given GROUP BY campaign_id) AS o ON o.campaign_id = b.root_id \
             WHERE b.points <> COALESCE(o.points, 0) OR b.orders <> COALESCE(o.orders, 0)",
        ),
        Invariant::sql(
            "budgets-are-not-overshot",
            "SELECT COUNT(*) FROM campaign_budgets WHERE points_limit IS NOT NULL OR orders_limit IS NOT NULL",
            "SELECT 'campaign ' || c.slug, 'spent ' || CAST(b.points AS varchar(20)) || ' points on ' || \
             CAST(b.orders AS varchar(20)) || ' orders' FROM campaign_budgets b JOIN campaigns c ON c.root_id = b.root_id \
             WHERE b.points > b.points_limit OR b.orders > b.orders_limit OR b.points < 0",
        ),
        Invariant::sql(
            "those-held-out-are-given-nothing",
            "SELECT COUNT(*) FROM campaign_orders WHERE held_out",
            "SELECT 'campaign order', 'given ' || CAST(points AS varchar(20)) || ' though its member is held out' \
             FROM campaign_orders WHERE (held_out AND points <> 0) OR returned > points OR returned < 0",
        ),
        Invariant::sql(
            "orders-that-earned-are-kept-as-they-were-bought",
            "SELECT COUNT(*) FROM member_orders WHERE purchase IS NOT NULL",
            "SELECT name, 'did not earn, and is kept as bought' FROM member_orders \
             WHERE purchase IS NOT NULL AND earned IS NULL",
        ),
        Invariant::sql(
            "what-is-carried-is-not-negative",
            "SELECT COUNT(*) FROM rule_grants",
            "SELECT 'rule ' || rule, 'carries ' || CAST(CAST(SUM(carried_minor) AS bigint) AS varchar(20)) \
             FROM rule_grants GROUP BY root_id, rule HAVING SUM(carried_minor) < 0 OR MIN(points) < 0",
        ),
    ]
}
