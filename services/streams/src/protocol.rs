//! Kafka's wire format: frames, messages by key and version, record batches. No I/O.
