"""From files of model outputs to items: reading, checking, flagging oddities and storing, all or nothing."""
