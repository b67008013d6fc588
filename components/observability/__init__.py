"""What watches the stack: Prometheus targets, alerts and the dashboard; and the page that shows the loop."""
