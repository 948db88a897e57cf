"""The scenarios of the plan, one module each, and the actions that they share."""
