"""The callbacks, driven as the frameworks drive them: stand-ins give the calls, the networks and losses are real."""

import sys
import types

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tutorial_net import TutorialNet, images

from stn_viz.callbacks import lightning_callback, trainer_callback
from stn_viz.runs import RunError, following, open_run


@pytest.fixture(autouse=True)
def unkept(monkeypatch, tmp_path):
    monkeypatch.setenv("STN_VIZ_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(following.program, "keep", lambda *args, **named: "The network is not kept: a test.")


class Callback:
    """What both frameworks' base classes are: hooks that do nothing."""


@pytest.fixture
def frameworks(monkeypatch):
    for name, base in (("lightning", None), ("lightning.pytorch", "Callback"), ("transformers", "TrainerCallback")):
        module = types.ModuleType(name)
        if base:
            setattr(module, base, Callback)
        monkeypatch.setitem(sys.modules, name, module)


def fit(model, each_step, steps=30):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.25)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in range(1, steps + 1):
        loss = F.nll_loss(model(torch.randn(4, 1, 12, 10, generator=generator)), torch.tensor([0, 1, 2, 0]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
        each_step(step, loss, optimiser)
    return losses


def end_of(run, model):
    for name, tensor in run.weights(30).items():
        torch.testing.assert_close(tensor, model.state_dict()[name].to(tensor.dtype), rtol=0, atol=0)


@pytest.mark.parametrize("end", ["finished", "stopped"])
def test_lightning_is_recorded_through_its_hooks(tmp_path, frameworks, end):
    model, trainer = TutorialNet(), types.SimpleNamespace(global_step=0, optimizers=[])
    callback = lightning_callback(tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0])
    assert isinstance(callback, Callback)
    callback.on_train_start(trainer, model)

    def each_step(step, loss, optimiser):
        trainer.global_step, trainer.optimizers = step, [optimiser]
        callback.on_train_batch_end(trainer, model, {"loss": loss.detach()}, None, step - 1)

    losses = fit(model, each_step)
    if end == "stopped":
        callback.on_exception(trainer, model, KeyboardInterrupt())
    callback.on_train_end(trainer, model)
    run = open_run(tmp_path / "mine")
    assert run.info.status == end
    assert run.steps[0] == 0, "the network as it was built"
    assert run.steps[-1] == 30
    np.testing.assert_allclose(run.loss[1:10], losses[:9], rtol=1e-5)
    np.testing.assert_allclose(run.rate[1:-1], 0.25)
    assert run.problems == (), "a loss that nobody told yet is no gap"
    end_of(run, model)


@pytest.mark.parametrize(("max_steps", "status"), [(30, "finished"), (100, "stopped")])
def test_hugging_faces_trainer_is_recorded_through_its_hooks(tmp_path, frameworks, max_steps, status):
    model, state = TutorialNet(), types.SimpleNamespace(global_step=0, max_steps=max_steps)
    callback = trainer_callback(tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0])
    callback.on_train_begin(None, state, None, model=model)

    def each_step(step, loss, optimiser):
        state.global_step = step
        callback.on_step_end(None, state, None, model=model, optimizer=optimiser)
        if step % 5 == 0:
            callback.on_log(None, state, None, logs={"loss": 1.0 / step, "epoch": 1})

    fit(model, each_step)
    callback.on_log(None, state, None, logs={"train_runtime": 3.0})
    callback.on_train_end(None, state, None)
    run = open_run(tmp_path / "mine")
    assert run.info.status == status
    assert np.isnan(run.loss[:6]).all()
    np.testing.assert_allclose(run.loss[6:11], 0.2)
    np.testing.assert_allclose(run.rate[1:-1], 0.25)
    assert run.problems == ()
    end_of(run, model)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lightning_callback, r"Lightning is not installed, .* \(pip install lightning\), or record from a plain loop"),
        (trainer_callback, r"Hugging Face's Trainer is not installed, .* \(pip install transformers\), or record"),
    ],
)
def test_a_framework_that_is_not_there_is_said(tmp_path, make, sentence, monkeypatch):
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(RunError, match=sentence):
        make(tmp_path / "mine", probes=images(4))


def test_lightning_itself(tmp_path):
    lightning = pytest.importorskip("lightning.pytorch")

    class Lit(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = TutorialNet()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            return F.nll_loss(self(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.TensorDataset(torch.randn(24, 1, 12, 10), torch.arange(24) % 3)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    callback = lightning_callback(tmp_path / "mine", probes=images(4), labels=[0, 1, 2, 0])
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", callbacks=[callback], **quiet)
    trainer.fit(Lit(), torch.utils.data.DataLoader(data, batch_size=4))
    assert open_run(tmp_path / "mine").steps.tolist() == list(range(7))
