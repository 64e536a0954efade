"""The others that the product talks with, played on this machine for tests and benchmarks: OneRoster providers, honest and
lying, with a switch for each way to misbehave, and SFTP servers."""
