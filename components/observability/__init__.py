"""Who watches all of it: Prometheus targets, alerts and the dashboard."""
