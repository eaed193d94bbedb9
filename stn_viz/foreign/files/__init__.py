"""Files as other people's programs wrote them: pickles, zips, safetensors, npz; read, and nothing of them ever run."""
