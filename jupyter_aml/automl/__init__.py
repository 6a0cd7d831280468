"""The AutoML engine: data frame in, leaderboard out; knows no workspace."""
