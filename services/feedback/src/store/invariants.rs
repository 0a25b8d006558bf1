//! What must hold of feedback's data at any moment.

use guanxi_store::verify::Invariant;

/// Every invariant.
pub fn all() -> Vec<Invariant> {
    vec![
        Invariant::sql(
            "late-shipments-have-a-cause",
            "SELECT COUNT(*) FROM order_shipments WHERE late",
            "SELECT o.name, 'a shipment came late and the case of the order does not say so' FROM orders o \
             JOIN order_shipments s ON s.root_id = o.root_id WHERE s.late AND o.state = 'known' AND \
             (SELECT COUNT(*) FROM order_shipments l WHERE l.root_id = o.root_id AND l.late) > \
             (SELECT COUNT(*) FROM cases c JOIN case_causes w ON w.root_id = c.root_id \
             WHERE c.order_name = o.name AND w.kind = 'late_delivery')",
        ),
        Invariant::sql(
            "low-reviews-have-a-cause",
            "SELECT COUNT(*) FROM reviews WHERE rating <= 2 AND order_id IS NOT NULL",
            "SELECT o.name, 'a review of 1 or 2 is missing from the case of the order' FROM orders o \
             JOIN reviews r ON r.order_id = o.root_id WHERE r.rating <= 2 AND o.state = 'known' \
             AND r.organization = o.organization AND NOT EXISTS (SELECT 1 FROM cases c \
             JOIN case_causes w ON w.root_id = c.root_id WHERE c.order_name = o.name AND w.kind = 'low_rating')",
        ),
        Invariant::sql(
            "causes-belong-to-cases",
            "SELECT COUNT(*) FROM case_causes",
            "SELECT w.origin, 'is the cause of a case that does not exist' FROM case_causes w \
             WHERE NOT EXISTS (SELECT 1 FROM cases c WHERE c.root_id = w.root_id)",
        ),
        Invariant::sql(
            "an-order-is-asked-about-once",
            "SELECT COUNT(*) FROM orders WHERE invited",
            "SELECT o.name, 'invitations: ' || CAST(COUNT(i.root_id) AS varchar(20)) || ', expected 1' FROM orders o \
             LEFT JOIN invitations i ON i.order_name = o.name WHERE o.invited GROUP BY o.name \
             HAVING COUNT(i.root_id) <> 1",
        ),
        Invariant::sql(
            "no-order-is-asked-about-before-it-came",
            "SELECT COUNT(*) FROM invitations WHERE order_name IS NOT NULL",
            "SELECT o.name, 'was asked about while a shipment is still to come' FROM orders o WHERE o.invited AND \
             EXISTS (SELECT 1 FROM order_shipments s WHERE s.root_id = o.root_id AND s.expected AND NOT s.delivered)",
        ),
        Invariant::sql(
            "responses-and-answered-invitations-agree",
            "SELECT COUNT(*) FROM invitations WHERE answer_time IS NOT NULL",
            "SELECT CAST(i.survey AS varchar(80)), 'an invitation and its response disagree' FROM invitations i \
             LEFT JOIN responses r ON r.root_id = i.root_id WHERE (i.answer_time IS NULL) <> (r.root_id IS NULL)",
        ),
        Invariant::sql(
            "solved-cases-say-when",
            "SELECT COUNT(*) FROM cases",
            "SELECT COALESCE(order_name, source || ':' || external_id, 'a case without order'), 'is ' || state || ' and its solve time does not fit' FROM cases \
             WHERE (state IN ('new', 'open', 'pending', 'on_hold') AND solve_time IS NOT NULL) \
             OR (state = 'solved' AND solve_time IS NULL)",
        ),
    ]
}
