//! What only a bus on Kafka promises.
