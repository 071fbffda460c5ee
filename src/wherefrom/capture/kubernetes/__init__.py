"""What a Kubernetes cluster wants and what runs in it, told as it changes.

    API server ──list, watch──► objects ──► picture ──differences──► documents ──► spool ──► server
      access     following      reading     picture    telling                     spool     sending
      api                       cluster

Everything from ``reading`` to ``telling`` is pure: objects in, bytes out, no clock and no disk.
``agent`` runs it all; ``manifests`` is what a cluster needs to run the agent.
"""
