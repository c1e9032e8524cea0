//! Groups of consumers: who belongs to one, who reads which partitions, and how far each has come.
