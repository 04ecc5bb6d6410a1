"""The cheapest fleet that keeps the objective: catalogue, cost, capacity, simulation, optimisation, and why."""
