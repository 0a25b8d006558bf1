//! What must hold of every service's own tables, whatever the service.

use guanxi_store::verify::Invariant;

/// The invariants that every service has.
pub(crate) fn of_every_service() -> Vec<Invariant> {
    vec![
        // Replays and consumers rely on it: within an epoch no number is missing or given twice.
        Invariant::sql(
            "outbox-numbers-are-dense",
            "SELECT count(*) FROM outbox WHERE first_number IS NOT NULL",
            "SELECT 'partition ' || CAST(partition AS text) || ' number ' || CAST(first_number AS text), \
             'should begin at ' || CAST(expected AS text) FROM (SELECT partition, first_number, \
             lag(first_number + events) OVER (PARTITION BY partition, epoch ORDER BY first_number) AS expected \
             FROM outbox WHERE first_number IS NOT NULL) numbered WHERE first_number <> expected",
        ),
        Invariant::sql(
            "outbox-heads-are-last",
            "SELECT count(*) FROM outbox_head",
            "SELECT 'partition ' || CAST(h.partition AS text), 'head is ' || CAST(h.number AS text) || \
             ', the last event has ' || CAST(o.last AS text) FROM outbox_head h JOIN (SELECT partition, epoch, \
             max(first_number + events - 1) AS last FROM outbox WHERE first_number IS NOT NULL \
             GROUP BY partition, epoch) o ON o.partition = h.partition AND o.epoch = h.epoch WHERE o.last <> h.number",
        ),
        Invariant::no_dead_letters(),
    ]
}
