//! Benchmarks of Hualu, each with its runs
