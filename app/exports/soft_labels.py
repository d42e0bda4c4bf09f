"""The few lines with which TRL's reward trainer reads shares instead of winners; printed in every card, run in a test."""

from __future__ import annotations

TRAINER = '''
import torch
from torch.nn.functional import logsigmoid
from trl import RewardTrainer
from trl.trainer.reward_trainer import DataCollatorForPreference


class WithShares(DataCollatorForPreference):
    def torch_call(self, examples):
        shares = torch.tensor([e["{probability}"] for e in examples], dtype=torch.float)
        return {{**super().torch_call(examples), "share": shares}}


class SoftRewardTrainer(RewardTrainer):
    """Give it data_collator=WithShares(pad_token_id=tokenizer.pad_token_id)."""

    def _set_signature_columns_if_needed(self):
        self._signature_columns = ["chosen_ids", "rejected_ids", "{probability}"]

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        share = inputs.pop("share")
        outputs = model(**inputs, use_cache=False)
        chosen, rejected = torch.chunk(outputs.logits.squeeze(-1), chunks=2)
        ahead = chosen - rejected
        loss = -(share * logsigmoid(ahead) + (1 - share) * logsigmoid(-ahead)).mean()
        return (loss, outputs) if return_outputs else loss
'''
"""Cross-entropy between the share and the model's probability; ``{probability}`` is the column to read."""
