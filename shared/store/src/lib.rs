//! Databases of Guanxi services: connections, the one write path, outbox, inbox, leases, migrations.
