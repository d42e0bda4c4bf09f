"""From files of model outputs to items: reading, guessing the format, checking, flagging oddities, storing all or nothing.

Promises that every bad row is named by its line, and that a file with one bad row changes nothing.
"""
