"""Pages of researchers: studies, set-up, items, people, invitations, overview, exports, members and the log."""
