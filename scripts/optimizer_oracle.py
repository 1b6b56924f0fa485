"""Prints what PyTorch gives for the literal sequences in the tests of src/train and src/metric.

    python scripts/optimizer_oracle.py            (needs torch; runs on the CPU within seconds)

Sections: optimizers (src/train/optimizer.rs), learning rates (src/train/lr_schedule.rs), gradient clipping
(src/train/gradient.rs), losses (src/metric/tally.rs). Numbers in the tests were copied from this output.
"""

import torch
from torch.optim import lr_scheduler as schedulers

torch.set_num_threads(1)


def gradient(step, count):
    """The same arithmetic as `gradient` in the tests: small whole numbers, exact in f32."""
    return torch.tensor([((step * 7 + i * 5) % 11 - 5) / 8 for i in range(count)], dtype=torch.float32)


def optimizers():
    kinds = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8),
        "adam, weight decay 0.1": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        "adamw, weight decay 0.1": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1),
        "adamw, weight decay 0": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd, momentum 0.9, weight decay 0.1": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        "sgd, nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    }
    for name, make in kinds.items():
        params = [torch.nn.Parameter(torch.tensor([0.5, -1.0, 2.0])), torch.nn.Parameter(torch.tensor([[0.25, -0.75]]))]
        optimizer = make(params)
        for step in range(1, 21):
            for group in optimizer.param_groups:
                group["lr"] = 0.1 if step <= 10 else 0.01
            params[0].grad = gradient(step, 3)
            params[1].grad = gradient(step + 100, 2).reshape(1, 2)
            optimizer.step()
            if step in (1, 10, 20):
                values = [v for p in params for v in p.detach().flatten().tolist()]
                print(f"  {name}, step {step}: {values}")


def rates(epochs, make, lr=0.1, metrics=None):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = make(optimizer)
    seen = []
    for epoch in range(epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if metrics is not None:
            scheduler.step(metrics[epoch])
        elif epoch + 1 < epochs:
            scheduler.step()
    return [float(f"{rate:.10g}") for rate in seen]


def learning_rates():
    s = schedulers
    print("  step(every 2, gamma 0.1):", rates(6, lambda o: s.StepLR(o, 2, 0.1)))
    print("  multi_step([1, 3], 0.5):", rates(5, lambda o: s.MultiStepLR(o, [1, 3], 0.5)))
    print("  exponential(0.5):", rates(4, lambda o: s.ExponentialLR(o, 0.5)))
    print("  cosine(min 0.01):", rates(5, lambda o: s.CosineAnnealingLR(o, 5, 0.01)))
    print("  polynomial(0.9):", rates(5, lambda o: s.PolynomialLR(o, 5, 0.9)))
    for epochs, rise in ((10, 0.3), (5, 0.5), (4, 0.2), (1, 0.3)):
        cycle = lambda o: s.OneCycleLR(o, 1.0, total_steps=epochs, pct_start=rise, div_factor=25.0, final_div_factor=1e4)
        print(f"  one_cycle(peak 10, rise {rise}, {epochs} epochs):", rates(epochs, cycle))
    warmed = {
        "constant": (6, lambda o: s.ConstantLR(o, 1.0)),
        "step(every 3, gamma 0.1)": (11, lambda o: s.StepLR(o, 3, 0.1)),
        "multi_step([1, 3], 0.5)": (9, lambda o: s.MultiStepLR(o, [1, 3], 0.5)),
        "exponential(0.5)": (8, lambda o: s.ExponentialLR(o, 0.5)),
        "cosine(min 0.01)": (9, lambda o: s.CosineAnnealingLR(o, 5, 0.01)),
        "polynomial(0.9)": (9, lambda o: s.PolynomialLR(o, 5, 0.9)),
    }
    for name, (epochs, make) in warmed.items():
        both = lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.2, 1.0, 4), make(o)], [4])
        print(f"  4 epochs of warm-up from 0.2, {name}:", rates(epochs, both))
    cycle = lambda o: s.OneCycleLR(o, 1.0, total_steps=10, div_factor=25.0, final_div_factor=1e4)
    both = lambda o: s.SequentialLR(o, [s.LinearLR(o, 0.5, 1.0, 2), cycle(o)], [2])
    print("  2 epochs of warm-up from 0.5, one_cycle(peak 10, rise 0.3, 10 epochs):", rates(12, both))
    losses = [1.0, 0.9, 0.9, 0.89995, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.6, 0.6]
    print("  plateau min:", rates(12, lambda o: s.ReduceLROnPlateau(o, "min", 0.1, 1, 1e-4, "rel", 2, 1e-3), metrics=losses))
    scores = [0.5, 0.6, 0.60001, 0.6, 0.7, float("nan"), 0.7, 0.1]
    print("  plateau max:", rates(8, lambda o: s.ReduceLROnPlateau(o, "max", 0.5, 1, 1e-2), metrics=scores))


def clipping():
    params = [torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(2))]
    params[0].grad, params[1].grad = gradient(1, 3), gradient(2, 2)
    print("  gradients:", [p.grad.tolist() for p in params])
    print("  norm:", torch.nn.utils.clip_grad_norm_(params, 0.5).item(), "clipped to 0.5:", [p.grad.tolist() for p in params])


def losses():
    x = torch.tensor([0.3, -1.7, 2.5, -0.2, 40.0, -40.0], dtype=torch.float32).double()
    t = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    p = torch.sigmoid(x)
    print("  bce:", torch.nn.functional.binary_cross_entropy_with_logits(x, t).item())
    print("  dice loss:", (1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)).item())


if __name__ == "__main__":
    print("torch", torch.__version__)
    for section in (optimizers, learning_rates, clipping, losses):
        print(section.__name__.replace("_", " "))
        section()
