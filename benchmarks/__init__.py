"""What is measured by hand: times, throughput, and the statistics of the drift test and of the judge, by simulation."""
