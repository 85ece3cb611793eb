# Runs on the other machine, in the project's folder there: sh -s -- ACTION FOLDER JOB [...] < there.sh
# A job is a folder below state/run/: pid (of its session), log, rc (its exit code, once it has ended; rc.taken when its
# results are at home). state/run/holder names the job that the project's files there belong to.
set -eu
action=$1 folder=$2 job=state/run/$3
unset SSH_CLIENT SSH2_CLIENT SSH_CONNECTION  # they make bash read .bashrc, and with it another PATH
case $folder in /*) ;; *) folder=$HOME/$folder ;; esac
lock=state/run/lock  # held by who sends files and by the job that runs, and freed by the system however that ends

running() { [ -f "$job/pid" ] && ! flock -n "$job/alive" true; }

busy() { cat state/run/holder 2>/dev/null || true; exit 75; }

ours() { [ "$(cat state/run/holder 2>/dev/null)" = "$job" ]; }

outcome() {  # ended CODE, taken CODE, or gone
    for kind in rc:ended rc.taken:taken; do
        [ -s "$job/${kind%:*}" ] && read -r code <"$job/${kind%:*}" && echo "${kind#*:} $code" && return
    done
    echo gone
}

case $action in
prepare)
    mkdir -p "$folder/state/run" "$folder/outputs" "$folder/reports"
    command -v rsync setsid flock timeout >/dev/null || { echo "rsync, setsid, flock or timeout is missing"; exit 69; }
    ;;
hold)  # keep others out until standard input ends: files are about to come
    cd "$folder"
    exec 9>"$lock"
    if ! flock -n 9; then  # by a sender of the same job whose connection broke unnoticed: its place is free
        read -r pid sends 2>/dev/null <state/run/sender && [ "$sends" = "$job" ] || busy
        kill "$pid" 2>/dev/null || true
        flock -w 5 9 || busy
    fi
    free=$(df -Pk . | awk 'END { print $(NF - 2) }')
    [ "$free" -gt 1024 ] || { echo "No space left on device: $(df -Pk . | tail -n 1)" >&2; exit 70; }
    echo "$$ $job" >state/run/sender
    touch state/run/used
    [ "$3" = none ] || echo "$job" >state/run/holder
    echo held
    exec cat >/dev/null
    ;;
start)  # SECONDS SETUP COMMAND IDLE_SECONDS AT_IDLE
    cd "$folder"
    mkdir -p "$job"
    running && exit 0
    rm -f "$job/rc" "$job/rc.taken" "$job/pid"
    seconds=$4 setup=$5 command=$6 idle=$7 at_idle=$8
    export job lock seconds setup command idle at_idle
    setsid -f sh -c '
        exec 8>"$job/alive" 9>"$lock"
        flock -n 8 && flock -w 5 9 && [ "$(cat state/run/holder)" = "$job" ] || exit 0
        rm -f state/run/sender
        trap "stopped=1" TERM  # the stage saves its state and ends; the exit code is still noted
        : >"$job/log"
        echo "                " >"$job/rc.new"  # its place on a disk that may fill up
        echo "$job" >state/run/last
        echo $$ >"$job/pid"
        [ -s "$job/pid" ] && [ -s "$job/rc.new" ] || { rm -f "$job/pid"; exit 0; }
        PATH=$HOME/.local/bin:$PATH
        code=0
        timeout --kill-after=120 "$seconds" sh -c "
            sh -c \"\$setup\" || { code=\$?; echo \"setup failed with exit code \$code\"; exit \$code; }
            PATH=\$PWD/.venv/bin:\$PATH
            exec sh -c \"trap : TERM; \$command\"  # the shell waits until the stage has saved its state
        " >>"$job/log" 2>&1 8>&- 9>&- </dev/null || code=$?
        [ "$code" = 124 ] && echo "stopped: it ran for $seconds seconds, the limit" >>"$job/log"
        [ "$code" = 137 ] && echo "killed: out of memory, or it did not end when it was told to" >>"$job/log"
        echo "$code" 1<>"$job/rc.new"
        mv "$job/rc.new" "$job/rc"
        touch state/run/used
        exec 8>&- 9>&-
        [ -z "$at_idle" ] || setsid -f sh -c "
            while [ \"\$(cat state/run/last)\" = \"\$job\" ]; do
                rest=\$((idle - \$(date +%s) + \$(stat -c %Y state/run/used)))
                [ \"\$rest\" -le 0 ] && flock -n \"\$lock\" sh -c \"\$at_idle\" >>\"\$job/log\" 2>&1 && break
                [ \"\$rest\" -gt 0 ] || rest=10
                sleep \"\$rest\"
            done
        "
    ' >/dev/null 2>&1 </dev/null
    for _ in 1 2 3 4 5 6 7 8; do
        for _ in 1 2 3 4 5; do [ -s "$job/pid" ] && exit 0; sleep 0.2; done
    done
    ours && flock -n "$lock" true || busy
    echo "the job did not start: $(df -Pk . | tail -n 1)"; exit 70
    ;;
call)  # SETUP COMMAND, in sight; no job
    cd "$folder"
    PATH=$HOME/.local/bin:$PATH
    sh -c "$4" </dev/null
    PATH=$PWD/.venv/bin:$PATH
    exec sh -c "$5" </dev/null
    ;;
follow)  # BYTES already seen
    cd "$folder"
    pid=$(cat "$job/pid")
    tail -c "+$(($4 + 1))" -f --pid="$pid" "$job/log" 2>/dev/null
    ;;
state)  # running, ended CODE, taken CODE, or gone
    cd "$folder"
    if running; then echo running; elif ours; then outcome; else echo gone; fi
    ;;
take)  # its results are at home
    cd "$folder"
    ours || { echo "other work has begun there meanwhile"; exit 70; }
    touch state/run/used
    [ ! -f "$job/rc" ] || mv "$job/rc" "$job/rc.taken"
    ;;
space)  # of the disk that the project lies on there
    df -Pk "$folder" | tail -n 1
    ;;
jobs)  # all of them, a line each: name, state, last line of the log
    cd "$folder" 2>/dev/null || exit 0
    for pid in state/run/*/pid; do
        job=${pid%/pid}
        [ -f "$pid" ] || continue
        if running; then state=running; else state=$(outcome); fi
        echo "${job#state/run/}	$state	$(tail -n 1 "$job/log" | tail -c 200)"
    done
    ;;
stop)  # the one that runs: the stage saves what it has, and ends
    cd "$folder" 2>/dev/null && job=$(cat state/run/holder 2>/dev/null) && running || { echo "nothing runs"; exit 0; }
    pkill -TERM -x -s "$(cat "$job/pid")" timeout && echo "${job#state/run/}"
    ;;
*)
    echo "unknown action $action"; exit 64
    ;;
esac
