"""The process of an online endpoint: it takes requests, chooses a deployment, and keeps its replicas alive."""
