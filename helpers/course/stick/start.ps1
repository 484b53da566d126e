# Looks for a Python that the packages here are for, and runs start.py with it:
#     powershell -ExecutionPolicy Bypass -File start.ps1

if (Get-Command py -ErrorAction SilentlyContinue) {
    foreach ($version in "3.13", "3.12", "3.11") {
        $tag = "cp" + $version.Replace(".", "")
        if (-not (Test-Path "$PSScriptRoot\wheels\*-$tag-$tag-*")) { continue }
        & py "-$version" -c "import ensurepip, venv" 2>$null
        if ($LASTEXITCODE -ne 0) { continue }
        & py "-$version" "$PSScriptRoot\start.py" @args
        exit $LASTEXITCODE
    }
}
[Console]::Error.WriteLine("No Python was found that the packages in wheels are for. See READ-ME.txt.")
exit 1
