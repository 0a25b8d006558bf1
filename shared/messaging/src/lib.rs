//! Events between Guanxi services: buses, relay, consumers, replay, dead letters.
