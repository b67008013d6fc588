"""What watches all of it: Prometheus targets, alerts and the dashboard; and the page that shows the loop."""
