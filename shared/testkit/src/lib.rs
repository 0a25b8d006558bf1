//! What the tests of Guanxi services share: databases, buses and transports to run one suite over, clocks, probes.
